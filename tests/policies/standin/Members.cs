// Which members of which types the compiled expressions use, read from their instructions.
using System;
using System.Collections.Generic;
using System.Linq;
using System.Reflection;
using System.Reflection.Emit;
using Newtonsoft.Json.Linq;

namespace Gateway
{
    public static class Members
    {
        private const BindingFlags Any = BindingFlags.Public | BindingFlags.NonPublic
            | BindingFlags.Static | BindingFlags.Instance | BindingFlags.DeclaredOnly;

        private static readonly Dictionary<short, OpCode> codes = typeof(OpCodes)
            .GetFields(BindingFlags.Public | BindingFlags.Static)
            .Select(each => (OpCode)each.GetValue(null)).ToDictionary(each => each.Value);

        public static JArray Used()
        {
            var used = new SortedSet<string>();
            foreach (Type type in new[] { typeof(Expressions) }
                .Concat(typeof(Expressions).GetNestedTypes(Any)))
            {
                foreach (MethodBase method in type.GetMethods(Any).Cast<MethodBase>())
                {
                    if (method.GetMethodBody() != null) { Collect(method, used); }
                }
            }
            return new JArray(used);
        }

        private static void Collect(MethodBase method, SortedSet<string> used)
        {
            MethodBody body = method.GetMethodBody();
            foreach (LocalVariableInfo local in body.LocalVariables) { Note(local.LocalType, "", used); }
            foreach (ExceptionHandlingClause each in body.ExceptionHandlingClauses)
            {
                if (each.Flags == ExceptionHandlingClauseOptions.Clause) { Note(each.CatchType, "", used); }
            }
            byte[] code = body.GetILAsByteArray();
            for (int at = 0; at < code.Length;)
            {
                short value = code[at++];
                if (value == 0xFE) { value = (short)(0xFE00 | code[at++]); }
                OpCode found = codes[value];
                int size = Size(found.OperandType, code, at);
                switch (found.OperandType)
                {
                    case OperandType.InlineField:
                    case OperandType.InlineMethod:
                    case OperandType.InlineTok:
                    case OperandType.InlineType:
                        Note(method, BitConverter.ToInt32(code, at), used);
                        break;
                }
                at += size;
            }
        }

        private static int Size(OperandType type, byte[] code, int at)
        {
            switch (type)
            {
                case OperandType.InlineNone: return 0;
                case OperandType.ShortInlineBrTarget:
                case OperandType.ShortInlineI:
                case OperandType.ShortInlineVar: return 1;
                case OperandType.InlineVar: return 2;
                case OperandType.InlineI8:
                case OperandType.InlineR: return 8;
                case OperandType.InlineSwitch: return 4 + 4 * BitConverter.ToInt32(code, at);
                default: return 4;
            }
        }

        private static void Note(MethodBase from, int token, SortedSet<string> used)
        {
            MemberInfo member = from.Module.ResolveMember(token,
                from.DeclaringType.GetGenericArguments(),
                from.IsGenericMethod ? from.GetGenericArguments() : null);
            var type = member as Type;
            if (type != null) { Note(type, "", used); }
            else { Note(member.DeclaringType, member.Name, used); }
        }

        private static void Note(Type type, string member, SortedSet<string> used)
        {
            while (type.HasElementType) { type = type.GetElementType(); }
            if (type.IsGenericType) { type = type.GetGenericTypeDefinition(); }
            for (Type outer = type; outer != null; outer = outer.DeclaringType)
            {
                if (outer == typeof(Expressions)) { return; }
            }
            used.Add(type.FullName + " " + member);
        }
    }
}
