import GatehouseCore
import Testing

@Suite struct BedrockMediaTests {
    private func block(_ part: Part) throws -> JSONValue? {
        let request = CanonicalRequest(model: "m", messages: [Message(role: .user, parts: [part, .text("t")])])
        return try Bedrock.encode(request).body["messages"]?[0]?["content"]?[0]
    }

    @Test(arguments: [
        (Media(.base64("QQ=="), mediaType: "image/jpg"), "jpeg"), (Media(.base64("/9j/4AAQ")), "jpeg"),
        (Media(.base64("UklGRg=="), mediaType: "application/octet-stream"), "webp"),
        (Media(.base64("QQ=="), mediaType: "IMAGE/PNG; x=1"), "png"), (Media(.url("s3://bucket/a.gif")), "gif"),
    ])
    func imagesHaveAFormat(media: Media, format: String) throws {
        #expect(try block(Part(.image(media)))?["image"]?["format"]?.string == format)
    }

    @Test func imagesInBucketsGoAsTheyAre() throws {
        let source = try block(Part(.image(Media(.url("s3://bucket/a.png")))))?["image"]?["source"]
        #expect(source == (try Bedrock.json(#"{"s3Location":{"uri":"s3://bucket/a.png"}}"#)))
    }

    @Test(arguments: [
        Media(.url("https://example.org/a.png"), mediaType: "image/png"),
        Media(.file("file-1"), mediaType: "image/png"),
        Media(.base64("QQ=="), mediaType: "image/tiff"), Media(.base64("QQ==")),
    ])
    func imagesThatCannotBeSentAreRefused(media: Media) {
        #expect { try block(Part(.image(media))) } throws: { error in
            let error = error as? GatehouseError
            return error?.code == .unsupportedParameter && error?.param == "messages[0].content[0]"
        }
    }

    @Test(arguments: [
        (Media(.base64("QQ=="), mediaType: "application/pdf"), "pdf"), (Media(.base64("JVBERi0x")), "pdf"),
        (Media(.base64("QQ=="), name: "table.XLSX"), "xlsx"),
        (Media(.base64("QQ=="), mediaType: "application/json"), "txt"),
        (Media(.base64("QQ=="), mediaType: "text/markdown"), "md"), (Media(.text("words")), "txt"),
    ])
    func documentsHaveAFormat(media: Media, format: String) throws {
        #expect(try block(Part(.document(media)))?["document"]?["format"]?.string == format)
    }

    @Test func documentsOfTextAreEncoded() throws {
        let source = try block(Part(.document(Media(.text("grün")))))?["document"]?["source"]
        #expect(source == (try Bedrock.json(#"{"bytes":"Z3LDvG4="}"#)))
    }

    @Test func namesOfDocumentsFollowTheRuleAndDiffer() throws {
        let names = ["report.pdf", "report.docx", "report pdf", "a__b  (c) [d]-e.txt", nil, "Übersicht", "***"]
        let parts = names.map { Part(.document(Media(.text("x"), name: $0))) }
        let request = CanonicalRequest(model: "m", messages: [Message(role: .user, parts: parts)])
        let blocks = try Bedrock.encode(request).body["messages"]?[0]?["content"]?.array ?? []
        #expect(
            blocks.compactMap { $0["document"]?["name"]?.string } == [
                "report pdf", "report docx", "report pdf (2)", "a b (c) [d]-e txt", "document", "bersicht",
                "document (2)",
            ])
        // Bedrock wants a text beside a document.
        #expect(blocks.last == (try Bedrock.json(#"{"text":"."}"#)))
    }

    @Test func ownBlocksComeBackAsTheyCame() throws {
        let body = try Bedrock.json(
            #"{"messages":[{"role":"user","content":[{"text":"x"},"#
                + #"{"image":{"format":"png","source":{"s3Location":{"uri":"s3://b/k","bucketOwner":"1"}}}},"#
                + #"{"document":{"name":"n","source":{"text":"t"},"citations":{"enabled":true},"context":"c"}},"#
                + #"{"document":{"format":"txt","name":"o","source":{"content":[{"text":"t"}]}}},"#
                + #"{"video":{"format":"three_gp","source":{"bytes":"QQ=="}}},"#
                + #"{"audio":{"format":"x-aac","source":{"bytes":"QQ=="}}},{"text":""},"#
                + #"{"toolResult":{"toolUseId":"i","content":[{"json":{"a":[1.0]}},{"text":""},"#
                + #"{"searchResult":{"source":"s","title":"t","content":[]}}],"status":"success"}},"#
                + #"{"guardContent":{"text":{"text":"g"}}}]},"#
                + #"{"role":"assistant","content":[{"reasoningContent":{"reasoningText":{"text":"r"}}},"#
                + #"{"citationsContent":{"content":[{"text":"a"},{"text":"b"}],"citations":[{"title":"t","#
                + #""location":{"documentChar":{"documentIndex":0,"start":1,"end":2}}}]}}]},"#
                + #"{"role":"system","content":[{"text":"later"}]}],"promptVariables":{"v":{"text":"w"}},"#
                + #""requestMetadata":{"a":"b"},"performanceConfig":{"latency":"optimized"},"serviceTier":{"#
                + #""type":"flex"},"additionalModelResponseFieldPaths":["/x"],"guardrailConfig":{"trace":"enabled"},"#
                + #""additionalModelRequestFields":{"top_k":5,"thinking":{"type":"adaptive"},"x":null},"#
                + #""inferenceConfig":{"temperature":1.50,"stopSequences":["a"],"new":1},"system":null}"#)
        let request = try BedrockCodec.decodeRequest(body)
        let found = body.difference(from: try Bedrock.encode(request, "").body)
        #expect(found == nil)
        #expect(request.messages[0].parts[7].toolResult?.content.first?.text == #"{"a":[1.0]}"#)
        #expect(request.messages[1].parts[1].text == "ab")
        #expect(request.metadata.map(\.key) == ["a"])
        #expect(request.sampling.topK == 5)
        #expect(request.reasoning?.isAdaptive == true)
    }
}
