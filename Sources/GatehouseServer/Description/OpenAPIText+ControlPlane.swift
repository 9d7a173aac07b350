extension OpenAPIText {
    /// The native API beside its calls.
    static let native = #"""
        {
          "post /api/upload": {"tag": "files", "summary": "Upload a file",
            "headers": {"X-Session-ID": "The session it belongs to"},
            "body": ["multipart/form-data", "UploadRequest"], "answers": {"201": "Uploaded"}},
          "get /api/files": {"tag": "files", "summary": "The key's files, the newest first",
            "query": {"session": "Only those of this session", "after": "An id: those behind it", "limit": "1 to 1000"},
            "answers": {"200": "FileList"}},
          "get /api/files/:id": {"tag": "files", "summary": "One file", "answers": {"200": "File"}},
          "get /api/files/:id/content": {"tag": "files", "summary": "The content of a file, or one range of it",
            "headers": {"Range": "One range of bytes"}, "answers": {"200": ["*/*"], "206": ["*/*"]}},
          "delete /api/files/:id": {"tag": "files", "summary": "Delete a file", "answers": {"200": "Deleted"}},
          "options /api/uploads": {"tag": "files", "summary": "What of tus 1.0.0 is spoken here", "answers": {"204": null}},
          "post /api/uploads": {"tag": "files", "summary": "Begin an upload in several requests (tus)",
            "headers": {"Tus-Resumable": "1.0.0", "Upload-Length": "Bytes", "Upload-Metadata": "filename and more, in Base64"},
            "answers": {"201": null}},
          "head /api/uploads/:id": {"tag": "files", "summary": "How far an upload has come",
            "headers": {"Tus-Resumable": "1.0.0"}, "answers": {"200": null}},
          "patch /api/uploads/:id": {"tag": "files", "summary": "Go on with an upload",
            "headers": {"Tus-Resumable": "1.0.0", "Upload-Offset": "Where the body goes on"},
            "body": ["application/offset+octet-stream"], "answers": {"204": null}},
          "delete /api/uploads/:id": {"tag": "files", "summary": "Give an upload up",
            "headers": {"Tus-Resumable": "1.0.0"}, "answers": {"204": null}},
          "get /api/artifacts/**": {"tag": "files", "summary": "What agents made in a session, or one file of it",
            "paths": ["/api/artifacts/{session}", "/api/artifacts/{session}/{file}"],
            "answers": {"200": ["Artifacts", "*/*"]}},
          "get /api/runs": {"tag": "runs", "summary": "The key's runs, the newest first", "answers": {"200": "RunList"}},
          "get /api/runs/:id": {"tag": "runs", "summary": "A run and what is known of its answer",
            "answers": {"200": "Run"}},
          "get /api/runs/:id/events": {"tag": "runs", "summary": "The events of a run, from any on",
            "query": {"after": "The number of the last that is known"}, "headers": {"Last-Event-ID": "The same"},
            "answers": {"200": ["text/event-stream"]}},
          "post /api/runs/:id/cancel": {"tag": "runs", "summary": "End a run", "answers": {"200": "Run"}},
          "delete /api/runs/:id": {"tag": "runs", "summary": "End and forget a run", "answers": {"200": "Deleted"}},
          "get /api/sessions": {"tag": "sessions", "summary": "Under which names something is kept",
            "query": {"after": "A name: those behind it", "limit": "1 to 1000"}, "answers": {"200": "SessionList"}},
          "post /api/sessions": {"tag": "sessions", "summary": "A new session, empty or with a conversation",
            "body": "SessionRequest", "answers": {"201": "Session"}},
          "get /api/sessions/:id": {"tag": "sessions", "summary": "A session with its messages and files",
            "answers": {"200": "Session"}},
          "post /api/sessions/:id/fork": {"tag": "sessions", "summary": "Another session that begins as this one did",
            "body": "SessionFork", "answers": {"201": "Session"}},
          "delete /api/sessions/:id": {"tag": "sessions", "summary": "Delete a session with all that belongs to it",
            "answers": {"200": "Deleted"}},
          "get /api/accounts": {"tag": "agents", "summary": "The accounts of agents, and which rest",
            "answers": {"200": "AccountList"}},
          "post /api/agents/:name/login": {"tag": "agents", "summary": "Begin to log an account in",
            "body": "LoginRequest", "answers": {"202": "Login"}},
          "get /api/agents/:name/login": {"tag": "agents", "summary": "Where a login is",
            "query": {"account": "Which, where there are several"}, "answers": {"200": "Login"}},
          "post /api/agents/:name/login/code": {"tag": "agents", "summary": "Bring back the code of a login",
            "body": "LoginCode", "answers": {"200": "Login"}},
          "post /api/agents/:name/login/cancel": {"tag": "agents", "summary": "Give a login up",
            "body": "LoginRequest", "answers": {"200": "Login"}}
        }
        """#

    /// What OpenAI's clients ask beside calls; models are listed in the shape of whoever asks.
    static let openAI = #"""
        {
          "get /v1/models": {"tag": "models", "summary": "The names that this key may ask for",
            "answers": {"200": {"$ref": "#/components/schemas/ModelList"}}},
          "get /v1/models/**": {"tag": "models", "summary": "One of them", "paths": ["/v1/models/{model}"],
            "answers": {"200": {"$ref": "#/components/schemas/Model"}}},
          "get /v1beta/models": {"tag": "models", "summary": "The names that this key may ask for (Gemini)",
            "answers": {"200": {"$ref": "#/components/schemas/ModelList"}}},
          "get /v1beta/models/**": {"tag": "models", "summary": "One of them (Gemini)",
            "paths": ["/v1beta/models/{model}"], "answers": {"200": {"$ref": "#/components/schemas/Model"}}},
          "post /v1/files": {"tag": "openai", "summary": "Upload a file (OpenAI)",
            "body": ["multipart/form-data"], "answers": {"200": "OpenAIFile"}},
          "get /v1/files": {"tag": "openai", "summary": "The key's files (OpenAI)",
            "query": {"purpose": "Only those of this purpose", "after": "An id: those behind it", "limit": "1 to 10000",
              "order": "asc or desc"}, "answers": {"200": "OpenAIFileList"}},
          "get /v1/files/:id": {"tag": "openai", "summary": "One file (OpenAI)", "answers": {"200": "OpenAIFile"}},
          "get /v1/files/:id/content": {"tag": "openai", "summary": "The content of a file (OpenAI)",
            "headers": {"Range": "One range of bytes"}, "answers": {"200": ["*/*"], "206": ["*/*"]}},
          "delete /v1/files/:id": {"tag": "openai", "summary": "Delete a file (OpenAI)", "answers": {"200": "OpenAIDeleted"}},
          "get /v1/responses/:id": {"tag": "openai", "summary": "A response that is kept, or its events again",
            "query": {"stream": "true for events, of those in the background", "starting_after": "A sequence number"},
            "answers": {"200": ["Response", "text/event-stream"]}},
          "get /v1/responses/:id/input_items": {"tag": "openai", "summary": "What a response answers",
            "query": {"order": "asc or desc"}, "answers": {"200": "ItemList"}},
          "post /v1/responses/:id/cancel": {"tag": "openai", "summary": "End a response in the background",
            "answers": {"200": "Response"}},
          "delete /v1/responses/:id": {"tag": "openai", "summary": "End and forget a response",
            "answers": {"200": "OpenAIDeleted"}}
        }
        """#

    /// For operators.
    static let operations = #"""
        {
          "get /health/live": {"tag": "operations", "summary": "The process answers", "answers": {"200": "Status"}},
          "get /health/ready": {"tag": "operations", "summary": "Whether it wants traffic",
            "answers": {"200": "Status", "503": "Status"}},
          "get /health": {"tag": "operations", "summary": "Every dependency (admin key)", "answers": {"200": "Health"}},
          "get /metrics": {"tag": "operations", "summary": "Prometheus metrics (admin key)",
            "answers": {"200": ["text/plain"]}},
          "get /openapi.json": {"tag": "operations", "summary": "This description", "answers": {"200": {"type": "object"}}},
          "get /admin/api/deployments": {"tag": "operations", "summary": "Targets and what speaks against them",
            "answers": {"200": {"type": "object", "required": ["deployments"]}}},
          "get /admin/api/usage": {"tag": "operations", "summary": "What was used and what it cost, as JSON or CSV",
            "answers": {"200": {"type": "object", "required": ["by", "usage"]}}},
          "post /admin/api/deployments/reset": {"tag": "operations", "summary": "Forget what speaks against targets",
            "body": {"type": "object"}, "answers": {"200": {"type": "object", "required": ["reset"]}}},
          "post /admin/api/routes/explain": {"tag": "operations", "summary": "Where a call would go, and why",
            "body": {"type": "object"}, "answers": {"200": {"type": "object"}}},
          "post /admin/api/accounts/:agent/:name/reset": {"tag": "operations", "summary": "Let an account serve again",
            "answers": {"200": {"type": "object", "required": ["agent", "name", "reset"]}}}
        }
        """#
}
