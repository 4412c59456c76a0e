"""What a gateway cannot know about the deployment that served a request."""
