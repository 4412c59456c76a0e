// Reads scenarios on stdin, one JSON object a line, and answers each on stdout with one.
using System;
using System.Globalization;
using System.IO;
using System.Text;
using System.Threading;
using Newtonsoft.Json;
using Newtonsoft.Json.Linq;

namespace Gateway
{
    public static class Program
    {
        public static void Main(string[] arguments)
        {
            // A machine that writes dates and numbers in its own way: what relies on it fails here.
            Thread.CurrentThread.CurrentCulture = new CultureInfo("de-DE");
            JObject program = Read(File.ReadAllText(arguments[0]));
            var input = new StreamReader(Console.OpenStandardInput(), new UTF8Encoding(false));
            var output = new StreamWriter(Console.OpenStandardOutput(), new UTF8Encoding(false));
            output.AutoFlush = true;
            for (string line = input.ReadLine(); line != null; line = input.ReadLine())
            {
                JToken answer = line == "members" ? (JToken)Members.Used() : Run(program, Read(line));
                output.WriteLine(answer.ToString(Formatting.None));
            }
        }

        // Times in scenarios stay text.
        private static JObject Read(string text)
        {
            using (var reader = new JsonTextReader(new StringReader(text)))
            {
                reader.DateParseHandling = DateParseHandling.None;
                return JObject.Load(reader);
            }
        }

        private static JObject Run(JObject program, JObject scenario)
        {
            var values = (JObject)program[(string)scenario["values"]];
            var state = new State(scenario);
            var interpreter = new Interpreter(
                (JObject)values["policies"][(string)scenario["policy"]],
                (JObject)values["overall"][(string)scenario["overall"]],
                (JObject)values["fragments"], state);
            string end = interpreter.Run();
            return new JObject
            {
                ["end"] = end,
                ["events"] = state.Events,
                ["forwarded"] = state.Forwarded,
                ["response"] = state.Outgoing == null ? null : state.Outgoing.Shown(),
                ["attempts"] = state.Attempts,
                ["stream_was_read"] = state.Outgoing != null && state.Outgoing.Content.StreamWasRead,
                ["cached"] = state.Cache,
                ["asked"] = state.Asked,
                ["error"] = state.LastError == null ? null : state.LastError.Reason,
            };
        }
    }
}
