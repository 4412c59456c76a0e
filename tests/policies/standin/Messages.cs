// Requests and responses under way. A body can be read once, unless its reader preserves it.
using System;
using System.Collections.Generic;
using System.Linq;
using System.Text;
using Newtonsoft.Json.Linq;

namespace Gateway
{
    public sealed class Body : IMessageBody
    {
        private byte[] content;
        private bool gone;

        public Body(byte[] content, bool streamed = false)
        {
            this.content = content;
            Streamed = streamed;
        }

        public bool Streamed { get; }

        // Whoever reads a stream holds it up until its end.
        public bool StreamWasRead { get; private set; }

        public byte[] Left { get { return gone ? new byte[0] : content; } }

        public T As<T>(bool preserveContent = false) where T : class
        {
            if (gone) { throw new InvalidOperationException("the body was read before"); }
            StreamWasRead = Streamed;
            gone = !preserveContent;
            if (typeof(T) == typeof(byte[])) { return (T)(object)content; }
            // Text came out garbled at the gateway where it was not ASCII: so it does here.
            if (typeof(T) == typeof(string))
            {
                return (T)(object)Encoding.GetEncoding("iso-8859-1").GetString(content);
            }
            if (!typeof(JToken).IsAssignableFrom(typeof(T)))
            {
                throw new NotSupportedException(typeof(T).Name);
            }
            return (T)(object)JToken.Parse(Encoding.UTF8.GetString(content));
        }
    }

    public sealed class Headers
    {
        public readonly Dictionary<string, string[]> Values =
            new Dictionary<string, string[]>(StringComparer.OrdinalIgnoreCase);

        public Headers(JToken given)
        {
            foreach (JProperty each in ((given as JObject) ?? new JObject()).Properties())
            {
                Values[each.Name] = new[] { (string)each.Value };
            }
        }

        public JObject Shown()
        {
            var shown = new JObject();
            foreach (var each in Values) { shown[each.Key.ToLowerInvariant()] = string.Join(",", each.Value); }
            return shown;
        }
    }

    public sealed class Url : IUrl
    {
        public Url(string text)
        {
            var read = new Uri(text);
            Scheme = read.Scheme;
            Host = read.Host;
            Port = read.Port;
            Path = read.AbsolutePath;
            QueryString = read.Query;
        }

        public string Scheme { get; }
        public string Host { get; set; }
        public int Port { get; }
        public string Path { get; set; }
        public string QueryString { get; set; }

        public IReadOnlyDictionary<string, string[]> Query
        {
            get
            {
                return QueryString.TrimStart('?').Split('&').Where(each => each != "")
                    .Select(each => each.Split(new[] { '=' }, 2)).GroupBy(each => each[0])
                    .ToDictionary(each => each.Key, each => each.Select(pair => pair.Last()).ToArray());
            }
        }

        public override string ToString() { return Scheme + "://" + Host + Path + QueryString; }
    }

    public sealed class Request : IRequest
    {
        public Body Content;
        public Headers Head;
        public Url Target;
        public Dictionary<string, string> Matched = new Dictionary<string, string>();
        public IMessageBody Body { get { return Content; } }
        public IReadOnlyDictionary<string, string[]> Headers { get { return Head.Values; } }
        public string IpAddress { get { return "203.0.113.7"; } }
        public IReadOnlyDictionary<string, string> MatchedParameters { get { return Matched; } }
        public string Method { get; set; }
        public IUrl OriginalUrl { get; set; }
        public IUrl Url { get { return Target; } }
    }

    public sealed class Response : IResponse
    {
        public Body Content = new Body(new byte[0]);
        public Headers Head = new Headers(null);
        public IMessageBody Body { get { return Content; } }
        public IReadOnlyDictionary<string, string[]> Headers { get { return Head.Values; } }
        public int StatusCode { get; set; }
        public string StatusReason { get; set; }

        public static Response Of(JObject given)
        {
            var head = new Headers(given["headers"]);
            string type = head.Values.GetValueOrDefault("Content-Type", "");
            return new Response
            {
                StatusCode = (int)given["status"],
                Head = head,
                Content = new Body(
                    Encoding.UTF8.GetBytes((string)given["body"] ?? ""),
                    type.StartsWith("text/event-stream", StringComparison.OrdinalIgnoreCase)),
            };
        }

        public JObject Shown()
        {
            return new JObject
            {
                ["status"] = StatusCode,
                ["headers"] = Head.Shown(),
                ["body"] = Encoding.UTF8.GetString(Content.Left),
            };
        }
    }
}
