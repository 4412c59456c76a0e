// Runs a policy document over one request: inbound, backend, outbound, and on-error when one fails.
// What each policy does is in Policies.cs.
using System;
using System.Collections.Generic;
using System.Linq;
using Newtonsoft.Json.Linq;

namespace Gateway
{
    // return-response ends the request: no later policy of any section runs.
    public sealed class Returned : Exception { }

    // A lookup found a stored response: outbound is the next section.
    public sealed class Cached : Exception { }

    public sealed partial class Interpreter
    {
        private readonly JObject policy, overall, fragments;
        private readonly State state;
        private string section;

        public Interpreter(JObject policy, JObject overall, JObject fragments, State state)
        {
            this.policy = policy;
            this.overall = overall;
            this.fragments = fragments;
            this.state = state;
        }

        public string Run()
        {
            try
            {
                Begin();
                try { RunSection("inbound"); RunSection("backend"); }
                catch (Cached) { }
                RunSection("outbound");
                AbortStream();
                return "outbound";
            }
            catch (Returned) { return "returned"; }
            catch (Exception fault) { return RunOnError(fault); }
        }

        // What the gateway itself refuses, before any policy: a missing key for example.
        private void Begin()
        {
            var refused = state.Scenario["refused"] as JObject;
            if (refused == null) { return; }
            throw new PolicyError((string)refused["source"], (string)refused["reason"],
                "Access denied", (int)refused["status"]);
        }

        // A client that goes away while it is sent the body: outbound has run by then.
        private void AbortStream()
        {
            if ((bool?)state.Scenario["client_leaves"] != true) { return; }
            section = "outbound";
            throw new PolicyError("transfer-response", "ClientConnectionFailure", "left", null);
        }

        private string RunOnError(Exception fault)
        {
            var error = fault as PolicyError ?? new PolicyError(
                "expression", "ExpressionValueEvaluationFailure", fault.Message);
            error.Section = section;
            state.LastError = error;
            state.Outgoing = error.Status == null
                ? null : new Response { StatusCode = error.Status.Value };
            try
            {
                RunSection("on-error");
                return "on-error";
            }
            catch (Returned) { return "returned"; }
            catch (Exception second) { return "failed: " + second.Message; }
        }

        private void RunSection(string name)
        {
            section = name;
            Run((JArray)policy[name] ?? new JArray());
        }

        private void Run(IEnumerable<JToken> nodes)
        {
            foreach (JObject node in nodes) { Run(node); }
        }

        private void Run(JObject node)
        {
            switch ((string)node["name"])
            {
                case "base": Run((JArray)overall[section] ?? new JArray()); break;
                case "include-fragment": Run((JArray)fragments[Text(node, "fragment-id")]); break;
                case "choose": Choose(node); break;
                case "set-variable": SetVariable(node); break;
                case "set-header": SetHeader(node, OnResponse ? state.Outgoing.Head : state.Incoming.Head); break;
                case "set-body": SetBody(node); break;
                case "set-backend-service": state.Incoming.Target.Host = new Uri(Text(node, "base-url")).Host; break;
                case "rewrite-uri": Rewrite(node); break;
                case "cache-lookup-value": LookUp(node); break;
                case "cache-store-value": Store(node); break;
                case "cache-lookup":
                case "llm-semantic-cache-lookup": LookUpResponse(); break;
                case "cache-store":
                case "llm-semantic-cache-store": break;
                case "send-request": Ask(node); break;
                case "rate-limit-by-key": LimitRate(node); break;
                case "return-response": Return(node); break;
                case "log-to-eventhub": Log(node); break;
                case "forward-request": Forward(node); break;
                case "retry": Retry(node); break;
                case "validate-jwt": state.Set[Text(node, "output-token-variable-name")] = new Jwt(state.Claims); break;
                default: throw new NotSupportedException((string)node["name"]);
            }
        }

        private bool OnResponse { get { return section == "outbound" || section == "on-error"; } }

        private object Value(JToken given)
        {
            if (given is JObject) { return Expressions.All[(int)given["expression"]](state); }
            return (string)given;
        }

        private string Text(JObject node, string attribute)
        {
            return (string)Value(node["attributes"][attribute]);
        }

        private static IEnumerable<JObject> Children(JObject node)
        {
            return ((JArray)node["children"]).Cast<JObject>();
        }

        private void Choose(JObject node)
        {
            foreach (JObject branch in Children(node))
            {
                bool taken = (string)branch["name"] == "otherwise"
                    || (bool)Value(branch["attributes"]["condition"]);
                if (taken) { Run((JArray)branch["children"]); return; }
            }
        }
    }
}
