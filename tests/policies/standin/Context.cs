// What a policy expression may see of a request: the members of `context`, by the names and types of
// the policy expressions reference (learn.microsoft.com, 2026-01), and nothing more.
using System;
using System.Collections.Generic;

namespace Gateway
{
    public interface IUrl
    {
        string Scheme { get; }
        string Host { get; }
        int Port { get; }
        string Path { get; }
        string QueryString { get; }
        IReadOnlyDictionary<string, string[]> Query { get; }
    }

    public interface IMessageBody
    {
        T As<T>(bool preserveContent = false) where T : class;
    }

    public interface IRequest
    {
        IMessageBody Body { get; }
        IReadOnlyDictionary<string, string[]> Headers { get; }
        string IpAddress { get; }
        IReadOnlyDictionary<string, string> MatchedParameters { get; }
        string Method { get; }
        IUrl OriginalUrl { get; }
        IUrl Url { get; }
    }

    public interface IResponse
    {
        IMessageBody Body { get; }
        IReadOnlyDictionary<string, string[]> Headers { get; }
        int StatusCode { get; }
        string StatusReason { get; }
    }

    public interface IApi { string Id { get; } string Name { get; } string Path { get; } }

    public interface IOperation
    {
        string Id { get; }
        string Method { get; }
        string Name { get; }
        string UrlTemplate { get; }
    }

    public interface IProduct { string Id { get; } string Name { get; } }

    public interface ISubscription { string Id { get; } string Name { get; } string Key { get; } }

    public interface IDeployment
    {
        string GatewayId { get; }
        string Region { get; }
        string ServiceName { get; }
    }

    public interface ILastError
    {
        string Source { get; }
        string Reason { get; }
        string Message { get; }
        string Section { get; }
    }

    public interface IContext
    {
        IApi Api { get; }
        IDeployment Deployment { get; }
        TimeSpan Elapsed { get; }
        ILastError LastError { get; }
        IOperation Operation { get; }
        IProduct Product { get; }
        IRequest Request { get; }
        Guid RequestId { get; }
        IResponse Response { get; }
        ISubscription Subscription { get; }
        DateTime Timestamp { get; }
        IReadOnlyDictionary<string, object> Variables { get; }
    }

    public sealed class Jwt
    {
        public Jwt(IReadOnlyDictionary<string, string[]> claims) { Claims = claims; }
        public IReadOnlyDictionary<string, string[]> Claims { get; }
    }
}
