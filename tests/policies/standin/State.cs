// One request under way, made from a scenario.
using System;
using System.Collections.Generic;
using System.Globalization;
using System.Text;
using Newtonsoft.Json.Linq;

namespace Gateway
{
    public sealed class Named : IApi, IOperation, IProduct, ISubscription, IDeployment
    {
        private readonly JObject given;
        private Named(JObject given) { this.given = given; }
        public static Named Of(JToken given) { return given is JObject ? new Named((JObject)given) : null; }
        private string Get(string name) { return (string)given[name]; }
        public string Id { get { return Get("id"); } }
        public string Name { get { return Get("name"); } }
        public string Path { get { return Get("path"); } }
        public string Method { get { return Get("method"); } }
        public string UrlTemplate { get { return Get("url_template"); } }
        public string Key { get { return Get("key"); } }
        public string GatewayId { get { return "managed"; } }
        public string Region { get { return Get("region"); } }
        public string ServiceName { get { return Get("service_name"); } }
    }

    public sealed class PolicyError : Exception, ILastError
    {
        public PolicyError(string source, string reason, string message, int? status = 500)
            : base(message)
        {
            Source = source;
            Reason = reason;
            Status = status;
        }

        public string Reason { get; }
        public string Section { get; set; }
        public int? Status { get; }
    }

    public sealed class State : IContext
    {
        public readonly JObject Scenario;
        public readonly Request Incoming = new Request();
        public readonly Dictionary<string, object> Set = new Dictionary<string, object>();
        public readonly JObject Cache = new JObject();
        public readonly JArray Events = new JArray(), Asked = new JArray();
        public Response Outgoing;
        public int Attempts;
        public JObject Forwarded;

        public State(JObject scenario)
        {
            Scenario = scenario;
            Incoming.Method = (string)scenario["method"];
            Incoming.Head = new Headers(scenario["headers"]);
            Incoming.OriginalUrl = new Url((string)scenario["url"]);
            Incoming.Target = new Url((string)scenario["backend_url"]);
            foreach (JProperty each in ((JObject)scenario["matched"]).Properties())
            {
                Incoming.Matched[each.Name] = (string)each.Value;
            }
            if (scenario["body"].Type != JTokenType.Null)
            {
                Incoming.Content = new Body(Encoding.UTF8.GetBytes((string)scenario["body"]));
            }
            foreach (JProperty each in ((JObject)scenario["claims"] ?? new JObject()).Properties())
            {
                Claims[each.Name] = new[] { (string)each.Value };
            }
            Api = Named.Of(scenario["api"]);
            Operation = Named.Of(scenario["operation"]);
            Product = Named.Of(scenario["product"]);
            Subscription = Named.Of(scenario["subscription"]);
            Deployment = Named.Of(scenario["service"]);
            RequestId = new Guid((string)scenario["id"]);
            var at = DateTime.Parse((string)scenario["time"], CultureInfo.InvariantCulture,
                DateTimeStyles.AdjustToUniversal);
            Timestamp = (string)scenario["time_kind"] == "local" ? at.ToLocalTime() : at;
        }

        public readonly Dictionary<string, string[]> Claims = new Dictionary<string, string[]>();
        public IApi Api { get; }
        public IDeployment Deployment { get; }
        public TimeSpan Elapsed { get { return TimeSpan.FromMilliseconds(1234.5); } }
        public ILastError LastError { get; set; }
        public IOperation Operation { get; }
        public IProduct Product { get; }
        public IRequest Request { get { return Incoming; } }
        public Guid RequestId { get; }
        public IResponse Response { get { return Outgoing; } }
        public ISubscription Subscription { get; }
        public DateTime Timestamp { get; }
        public IReadOnlyDictionary<string, object> Variables { get { return Set; } }
    }
}
