// What each policy does to a request under way.
using System;
using System.Linq;
using System.Text;
using Newtonsoft.Json.Linq;

namespace Gateway
{
    public sealed partial class Interpreter
    {
        // log-to-eventhub cuts a longer message (policy reference, 2024-07).
        private const int LongestMessage = 200000;

        // The reference allows values of basic types only.
        private void SetVariable(JObject node)
        {
            object value = Value(node["attributes"]["value"]);
            if (!(value is string || value is int || value is bool))
            {
                throw new InvalidOperationException("a variable is no basic value");
            }
            state.Set[Text(node, "name")] = value;
        }

        private void SetHeader(JObject node, Headers head)
        {
            string name = Text(node, "name");
            string[] values = Children(node).Select(each => (string)Value(each["text"])).ToArray();
            string action = Text(node, "exists-action");
            if (action == "delete") { head.Values.Remove(name); return; }
            if (action == "skip" && head.Values.ContainsKey(name)) { return; }
            head.Values[name] = values;
        }

        private void SetBody(JObject node)
        {
            if (section == "on-error") { throw new InvalidOperationException("set-body in on-error"); }
            var body = new Body(Encoding.UTF8.GetBytes((string)Value(node["text"])));
            if (OnResponse) { state.Outgoing.Content = body; }
            else { state.Incoming.Content = body; }
        }

        // Query parameters that the operation's template does not name are carried over.
        private void Rewrite(JObject node)
        {
            string[] parts = Text(node, "template").Split(new[] { '?' }, 2);
            string own = new Uri("http://any" + (state.Operation.UrlTemplate ?? "/")).Query;
            var query = state.Incoming.OriginalUrl.Query
                .Where(each => !own.Contains(each.Key + "="))
                .Select(each => each.Key + "=" + each.Value[0]).ToList();
            if (parts.Length == 2) { query.Insert(0, parts[1]); }
            state.Incoming.Target.Path = (string)state.Scenario["backend_path"] + parts[0];
            state.Incoming.Target.QueryString = query.Count == 0 ? "" : "?" + string.Join("&", query);
        }

        // The reference says both: on a miss the variable is not set, and null is assigned.
        private void LookUp(JObject node)
        {
            JToken found = ((JObject)state.Scenario["cache"])[Text(node, "key")];
            if (found != null || (bool?)state.Scenario["miss_is_null"] == true)
            {
                state.Set[Text(node, "variable-name")] = (string)found;
            }
        }

        // A hit gives the response as it was stored; a miss goes on.
        private void LookUpResponse()
        {
            var stored = state.Scenario["stored_response"] as JObject;
            if (stored == null) { return; }
            state.Outgoing = Response.Of(stored);
            throw new Cached();
        }

        private void Store(JObject node)
        {
            state.Cache[Text(node, "key")] = new JObject
            {
                ["value"] = Text(node, "value"),
                ["seconds"] = Convert.ToInt32(Value(node["attributes"]["duration"])),
            };
        }

        private void Ask(JObject node)
        {
            var head = new Headers(null);
            var asked = new JObject { ["timeout"] = Text(node, "timeout") };
            foreach (JObject each in Children(node))
            {
                string name = (string)each["name"];
                if (name == "set-header") { SetHeader(each, head); }
                else if (name == "authentication-managed-identity") { asked["identity"] = Text(each, "resource"); }
                else { asked[name.Substring(4)] = (string)Value(each["text"]); }
            }
            asked["headers"] = head.Shown();
            state.Asked.Add(asked);
            // One answer to all questions, or one for each in turn.
            var answers = state.Scenario["admission"] as JArray;
            var answer = (answers == null
                ? state.Scenario["admission"] : answers[state.Asked.Count - 1]) as JObject;
            if (answer == null && Text(node, "ignore-error") != "true")
            {
                throw new PolicyError("send-request", "Timeout", "no answer");
            }
            state.Set[Text(node, "response-variable-name")] = answer == null ? null : Response.Of(answer);
        }

        // Requests of a key in the window so far are the scenario's.
        private void LimitRate(JObject node)
        {
            string key = Text(node, "counter-key");
            int calls = Convert.ToInt32(Value(node["attributes"]["calls"]));
            var before = state.Scenario["rate"] as JObject;
            if (before != null && (int?)before[key] >= calls)
            {
                throw new PolicyError("rate-limit-by-key", "RateLimitExceeded", "Rate limit is exceeded", 429);
            }
        }

        private void Return(JObject node)
        {
            var made = new Response { StatusCode = 200 };
            foreach (JObject each in Children(node))
            {
                switch ((string)each["name"])
                {
                    case "set-status":
                        made.StatusCode = Convert.ToInt32(Value(each["attributes"]["code"]));
                        made.StatusReason = Text(each, "reason");
                        break;
                    case "set-header": SetHeader(each, made.Head); break;
                    default: made.Content = new Body(Encoding.UTF8.GetBytes((string)Value(each["text"]))); break;
                }
            }
            state.Outgoing = made;
            throw new Returned();
        }

        // Nothing to log is an error, and ends the section.
        private void Log(JObject node)
        {
            string message = (string)Value(node["text"]);
            if (string.IsNullOrEmpty(message))
            {
                throw new PolicyError("log-to-eventhub", null, "value field is required");
            }
            byte[] bytes = Encoding.UTF8.GetBytes(message);
            state.Events.Add(new JObject
            {
                ["logger"] = Text(node, "logger-id"),
                ["partition_key"] = Text(node, "partition-key"),
                ["section"] = section,
                ["body"] = Encoding.UTF8.GetString(bytes, 0, Math.Min(bytes.Length, LongestMessage)),
            });
        }

        // Runs what is in it once, and again while the condition holds, `count` times at most.
        private void Retry(JObject node)
        {
            int left = Convert.ToInt32(Value(node["attributes"]["count"]));
            do { Run((JArray)node["children"]); }
            while ((bool)Value(node["attributes"]["condition"]) && left-- > 0);
        }

        // Of several backends, the next one at each attempt.
        private void Forward(JObject node)
        {
            var pool = state.Scenario["backends"] as JArray;
            JObject backend = pool == null
                ? (JObject)state.Scenario["backend"]
                : (JObject)pool[Math.Min(state.Attempts, pool.Count - 1)];
            state.Attempts++;
            var body = state.Incoming.Content;
            state.Forwarded = new JObject
            {
                ["url"] = state.Incoming.Target.ToString(),
                ["headers"] = state.Incoming.Head.Shown(),
                ["body"] = body == null ? null : Encoding.UTF8.GetString(body.Left),
                ["unbuffered"] = (string)node["attributes"]["buffer-response"] == "false",
            };
            if (backend["fault"] != null)
            {
                throw new PolicyError("forward-request", (string)backend["fault"], "no answer",
                    (int?)backend["status"]);
            }
            state.Outgoing = Response.Of(backend);
            // A backend that may compress does, in a way that the gateway cannot read.
            if (state.Incoming.Head.Values.ContainsKey("Accept-Encoding"))
            {
                state.Outgoing.Head.Values["Content-Encoding"] = new[] { "br" };
                state.Outgoing.Content = new Body(new byte[] { 0x1B, 0x2F, 0x00 });
            }
        }
    }
}
