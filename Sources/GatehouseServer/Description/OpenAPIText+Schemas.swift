extension OpenAPIText {
    /// Errors, requests, and what belongs to the gateway itself. Requests of vendors' dialects are described as far as the
    /// gateway reads them; they may hold more.
    static let schemas = #"""
        {
          "Error": {"type": "object", "required": ["error"], "properties": {"error": {"type": "object",
            "required": ["message", "type", "param", "code"], "properties": {"message": {"type": "string"},
            "type": {"type": "string"}, "param": {"type": ["string", "null"]}, "code": {"type": ["string", "null"]}}}}},
          "NativeError": {"type": "object", "required": ["error"], "properties": {"error": {"type": "object",
            "required": ["code", "message", "details", "request_id", "timestamp"], "properties": {
            "code": {"type": "string"}, "message": {"type": "string"}, "details": {"type": "object"},
            "request_id": {"type": "string"}, "timestamp": {"type": "string"}}}}},
          "AnthropicError": {"type": "object", "required": ["type", "error"], "properties": {"type": {"const": "error"},
            "error": {"type": "object", "required": ["type", "message"], "properties": {"type": {"type": "string"},
            "message": {"type": "string"}}}, "request_id": {"type": "string"}}},
          "GeminiError": {"type": "object", "required": ["error"], "properties": {"error": {"type": "object",
            "required": ["code", "message", "status"], "properties": {"code": {"type": "integer"},
            "message": {"type": "string"}, "status": {"type": "string"}}}}},
          "ChatRequest": {"type": "object", "required": ["model", "messages"], "properties": {
            "model": {"type": "string"}, "messages": {"type": "array", "minItems": 1, "items": {"type": "object"}},
            "stream": {"type": ["boolean", "null"]}, "max_tokens": {"type": ["integer", "null"]},
            "max_completion_tokens": {"type": ["integer", "null"]}, "tools": {"type": "array"}}},
          "CompletionRequest": {"type": "object", "required": ["model", "prompt"], "properties": {
            "model": {"type": "string"}, "prompt": {"type": ["string", "array"]}, "stream": {"type": ["boolean", "null"]}}},
          "ResponsesRequest": {"type": "object", "required": ["model"], "properties": {"model": {"type": "string"},
            "input": {"type": ["string", "array"]}, "instructions": {"type": ["string", "null"]},
            "stream": {"type": ["boolean", "null"]}, "background": {"type": ["boolean", "null"]},
            "store": {"type": ["boolean", "null"]}, "previous_response_id": {"type": ["string", "null"]}}},
          "MessagesRequest": {"type": "object", "required": ["model", "messages"], "properties": {
            "model": {"type": "string"}, "messages": {"type": "array", "minItems": 1, "items": {"type": "object"}},
            "max_tokens": {"type": "integer"}, "system": {"type": ["string", "array"]}, "stream": {"type": "boolean"}}},
          "ContentsRequest": {"type": "object", "required": ["contents"], "properties": {
            "contents": {"type": "array", "minItems": 1, "items": {"type": "object"}},
            "systemInstruction": {"type": "object"}, "generationConfig": {"type": "object"}}},
          "InputRequest": {"type": "object", "required": ["model", "input"], "properties": {"model": {"type": "string"}}},
          "PromptRequest": {"type": "object", "required": ["model", "prompt"], "properties": {
            "model": {"type": "string"}, "prompt": {"type": "string"}}},
          "RerankRequest": {"type": "object", "required": ["model", "documents"], "properties": {
            "model": {"type": "string"}, "query": {"type": "string"}, "documents": {"type": "array"}}},
          "GenerateRequest": {"type": "object", "additionalProperties": false, "properties": {
            "model": {"type": "string"}, "backend": {"type": "string"}, "prompt": {"type": "string"},
            "messages": {"type": "array", "items": {"$ref": "#/components/schemas/NativeMessage"}},
            "system": {"type": "string"}, "stream": {"type": "boolean"}, "files": {"type": "array"},
            "session_id": {"type": "string"}, "max_tokens": {"type": "integer"}, "temperature": {"type": "number"},
            "top_p": {"type": "number"}, "stop": {"type": ["string", "array"]},
            "effort": {"enum": ["none", "minimal", "low", "medium", "high", "xhigh", "max"]},
            "json_schema": {"type": "object"}, "user": {"type": "string"}, "background": {"type": "boolean"}}},
          "NativeMessage": {"type": "object", "required": ["role", "content"], "properties": {
            "role": {"type": "string"}, "content": {"type": ["string", "array"]}}},
          "UploadRequest": {"type": "object", "required": ["filename", "file"], "properties": {
            "filename": {"type": "string"}, "file": {"type": "string"}, "session_id": {"type": "string"},
            "context_mode": {"type": "string"}, "purpose": {"type": "string"}}},
          "SessionRequest": {"type": "object", "additionalProperties": false, "properties": {"id": {"type": "string"},
            "messages": {"type": "array", "items": {"$ref": "#/components/schemas/NativeMessage"}}}},
          "SessionFork": {"type": "object", "additionalProperties": false, "properties": {"id": {"type": "string"},
            "until": {"type": "integer", "minimum": 0, "description": "So many of its messages; all of them"}}},
          "LoginRequest": {"type": "object", "additionalProperties": false, "properties": {"account": {"type": "string"}}},
          "LoginCode": {"type": "object", "required": ["code"], "additionalProperties": false, "properties": {
            "account": {"type": "string"}, "code": {"type": "string"}}}
        }
        """#

    /// Answers.
    static let answerSchemas = #"""
        {
          "Status": {"type": "object", "required": ["status"], "properties": {"status": {"type": "string"}}},
          "Health": {"type": "object", "required": ["status", "version", "connections", "storage"], "properties": {
            "status": {"type": "string"}, "version": {"type": "string"}, "connections": {"type": "integer"},
            "storage": {"type": "object", "required": ["available"]}}},
          "Deleted": {"type": "object", "required": ["id", "deleted"], "properties": {"id": {"type": "string"},
            "deleted": {"const": true}}},
          "OpenAIDeleted": {"type": "object", "required": ["id", "object", "deleted"], "properties": {
            "id": {"type": "string"}, "object": {"type": "string"}, "deleted": {"const": true}}},
          "ChatCompletion": {"type": "object", "required": ["id", "object", "created", "model", "choices"], "properties": {
            "id": {"type": "string"}, "object": {"const": "chat.completion"}, "created": {"type": "integer"},
            "model": {"type": "string"}, "choices": {"type": "array", "minItems": 1}}},
          "Completion": {"type": "object", "required": ["choices"], "properties": {"choices": {"type": "array"}}},
          "Response": {"type": "object", "required": ["id", "object", "created_at", "model", "status", "output"],
            "properties": {"id": {"type": "string"}, "object": {"const": "response"}, "created_at": {"type": "integer"},
            "model": {"type": "string"}, "output": {"type": "array", "items": {"type": "object"}},
            "status": {"enum": ["queued", "in_progress", "completed", "incomplete", "failed", "cancelled"]}}},
          "ItemList": {"type": "object", "required": ["object", "data", "has_more"], "properties": {
            "object": {"const": "list"}, "data": {"type": "array"}, "has_more": {"type": "boolean"}}},
          "AnthropicMessage": {"type": "object", "required": ["id", "type", "role", "content", "model", "usage"],
            "properties": {"id": {"type": "string"}, "type": {"const": "message"}, "role": {"const": "assistant"},
            "content": {"type": "array"}, "model": {"type": "string"}, "usage": {"type": "object"}}},
          "TokenCount": {"type": "object", "required": ["input_tokens"], "properties": {
            "input_tokens": {"type": "integer"}}},
          "GenerateContentResponse": {"type": "object", "properties": {"candidates": {"type": "array"},
            "usageMetadata": {"type": "object"}}},
          "Embeddings": {"type": "object", "required": ["object", "data"], "properties": {"object": {"const": "list"},
            "data": {"type": "array"}}},
          "Generated": {"type": "object", "required": ["id", "model", "created", "response", "stop"], "properties": {
            "id": {"type": "string"}, "model": {"type": "string"}, "created": {"type": "integer"},
            "response": {"type": "string"}, "reasoning": {"type": "string"}, "stop": {"type": "string"},
            "usage": {"type": "object"}, "cost": {"type": "object"}}},
          "ModelList": {"type": "object", "anyOf": [{"required": ["data"]}, {"required": ["models"]}]},
          "Model": {"type": "object", "anyOf": [{"required": ["id"]}, {"required": ["name"]}]},
          "File": {"type": "object", "required": ["id", "name", "type", "size", "sha256", "created_at"], "properties": {
            "id": {"type": "string"}, "name": {"type": "string"}, "type": {"type": "string"},
            "size": {"type": "integer"}, "sha256": {"type": "string"}, "purpose": {"type": "string"},
            "session": {"type": ["string", "null"]}, "created_at": {"type": "integer"},
            "expires_at": {"type": ["integer", "null"]}}},
          "FileList": {"type": "object", "required": ["files"], "properties": {"files": {"type": "array",
            "items": {"$ref": "#/components/schemas/File"}}}},
          "Uploaded": {"type": "object", "required": ["success", "id", "filename", "type", "size", "sha256", "session_id"],
            "properties": {"success": {"const": true}, "id": {"type": "string"}, "filename": {"type": "string"},
            "type": {"type": "string"}, "size": {"type": "integer"}, "sha256": {"type": "string"},
            "session_id": {"type": ["string", "null"]}}},
          "OpenAIFile": {"type": "object", "required": ["id", "object", "bytes", "created_at", "filename", "purpose"],
            "properties": {"id": {"type": "string"}, "object": {"const": "file"}, "bytes": {"type": "integer"},
            "created_at": {"type": "integer"}, "filename": {"type": "string"}, "purpose": {"type": "string"}}},
          "OpenAIFileList": {"type": "object", "required": ["object", "data", "has_more"], "properties": {
            "object": {"const": "list"}, "has_more": {"type": "boolean"}, "data": {"type": "array",
            "items": {"$ref": "#/components/schemas/OpenAIFile"}}}},
          "Artifacts": {"type": "object", "required": ["session", "artifacts"], "properties": {
            "session": {"type": "string"}, "artifacts": {"type": "array"}}},
          "Run": {"type": "object", "required": ["id", "status", "model", "created_at", "events", "last_event"],
            "properties": {"id": {"type": "string"}, "model": {"type": "string"}, "created_at": {"type": "integer"},
            "status": {"enum": ["running", "finished", "failed", "cancelled", "interrupted"]},
            "ended_at": {"type": ["integer", "null"]}, "session_id": {"type": ["string", "null"]},
            "events": {"type": "string"}, "last_event": {"type": "integer"}, "response": {"type": "string"}}},
          "RunList": {"type": "object", "required": ["runs"], "properties": {"runs": {"type": "array",
            "items": {"$ref": "#/components/schemas/Run"}}}},
          "SessionList": {"type": "object", "required": ["sessions"], "properties": {"sessions": {"type": "array",
            "items": {"$ref": "#/components/schemas/SessionSummary"}}}},
          "SessionSummary": {"type": "object", "required": ["id", "files", "bytes", "runs"], "properties": {
            "id": {"type": "string"}, "conversation_expires_at": {"type": ["integer", "null"]},
            "files": {"type": "integer"}, "bytes": {"type": "integer"}, "runs": {"type": "integer"}}},
          "Session": {"type": "object", "required": ["id", "messages"], "properties": {"id": {"type": "string"},
            "messages": {"type": "array", "items": {"$ref": "#/components/schemas/NativeMessage"}},
            "files": {"type": "array", "items": {"$ref": "#/components/schemas/File"}}}},
          "AccountList": {"type": "object", "required": ["accounts"], "properties": {"accounts": {"type": "array",
            "items": {"type": "object", "required": ["agent", "name", "state"]}}}},
          "Login": {"type": "object", "required": ["agent", "account", "state", "style"], "properties": {
            "agent": {"type": "string"}, "account": {"type": "string"}, "state": {"enum": ["starting", "waiting",
            "verifying", "succeeded", "failed", "cancelled", "expired"]}, "problem": {"type": ["string", "null"]},
            "url": {"type": ["string", "null"]}, "user_code": {"type": ["string", "null"]}}}
        }
        """#
}
