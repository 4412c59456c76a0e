// The extension methods that the gateway gives to expressions.
using System;
using System.Collections.Generic;
using System.Linq;
using System.Text;
using Newtonsoft.Json.Linq;

namespace Gateway
{
    public static class Extensions
    {
        // Headers, query parameters and claims: several values come joined by commas.
        public static string GetValueOrDefault(
            this IReadOnlyDictionary<string, string[]> values, string name, string defaultValue)
        {
            string[] found;
            return values.TryGetValue(name, out found) ? string.Join(",", found) : defaultValue;
        }

        // Throws where the type is another one, as the reference says.
        public static T GetValueOrDefault<T>(
            this IReadOnlyDictionary<string, object> values, string name, T defaultValue)
        {
            object found;
            return values.TryGetValue(name, out found) ? (T)found : defaultValue;
        }

        // Reads a token; whether it is genuine is no question of this method, nor of the real one.
        public static Jwt AsJwt(this string input)
        {
            string[] parts = (input ?? "").Split('.');
            if (parts.Length != 3) { return null; }
            try
            {
                string middle = parts[1].Replace('-', '+').Replace('_', '/');
                middle = middle.PadRight((middle.Length + 3) / 4 * 4, '=');
                var read = JObject.Parse(Encoding.UTF8.GetString(Convert.FromBase64String(middle)));
                return new Jwt(read.Properties().ToDictionary(
                    each => each.Name, each => new[] { each.Value.ToString() }));
            }
            catch (Exception) { return null; }
        }
    }
}
