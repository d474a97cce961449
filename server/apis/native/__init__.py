"""Our own API: `/v1/vqa`, `/v1/caption`, `/v1/reason`, and what can be asked for."""
