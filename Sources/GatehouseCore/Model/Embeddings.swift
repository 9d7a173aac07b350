/// A request for embeddings in no vendor's dialect.
package struct EmbeddingsRequest: Sendable, Equatable {
    package enum Input: Sendable, Equatable {
        case text(String)
        /// The numbers of tokens in the model's own vocabulary.
        case tokens([Int])
        case image(Media)
    }

    /// How the caller wants the numbers written.
    package enum Encoding: String, Sendable, CaseIterable {
        case float
        /// Base64 of 32-bit floats, little-endian.
        case base64
    }

    /// What the vectors are for.
    package enum Purpose: String, Sendable, CaseIterable {
        case searchDocument = "search_document"
        case searchQuery = "search_query"
        case classification, clustering, similarity
        case questionAnswering = "question_answering"
        case factVerification = "fact_verification"
        case codeQuery = "code_query"
    }

    /// What becomes of a text that is too long for the model.
    package enum Truncation: String, Sendable, CaseIterable {
        /// It is refused.
        case none
        /// It loses its start.
        case start
        /// It loses its end.
        case end
    }

    /// The model's name as the target knows it.
    package var model: String
    /// One vector is wanted for each, in this order.
    package var inputs: [Input]
    package var dimensions: Int?
    /// `nil`: the caller did not say, and gets floats.
    package var encoding: Encoding?
    package var purpose: Purpose?
    /// The title of the document, where the inputs have one.
    package var title: String?
    package var truncation: Truncation?
    /// Kinds of numbers other than floats that are wanted (`int8`, `ubinary` ...); only their own dialect can give them.
    package var numberTypes: [String] = []
    /// The caller's word for its own end user.
    package var user: String?
    package var extensions = Extensions()

    package init(model: String, inputs: [Input]) {
        self.model = model
        self.inputs = inputs
    }
}

/// Vectors in no vendor's dialect.
package struct EmbeddingsResponse: Sendable, Equatable {
    /// One for each input, in the order of the request.
    package var vectors: [[Float]]
    package var id: String?
    /// The model that answered, as the vendor calls it.
    package var model: String?
    package var usage: Usage?
    package var extensions = Extensions()

    package init(vectors: [[Float]], id: String? = nil, model: String? = nil, usage: Usage? = nil) {
        self.vectors = vectors
        self.id = id
        self.model = model
        self.usage = usage
    }
}

extension EmbeddingsRequest {
    /// The same request in pieces of at most `size` inputs, for targets that take no more at once.
    package func batches(of size: Int) -> [EmbeddingsRequest] {
        let size = max(1, size)
        guard inputs.count > size else { return [self] }
        return stride(from: 0, to: inputs.count, by: size).map { start in
            var batch = self
            batch.inputs = Array(inputs[start..<min(inputs.count, start + size)])
            return batch
        }
    }
}

extension EmbeddingsResponse {
    /// The answers to the batches of one request as one answer; `nil` without any.
    package init?(joining answers: [EmbeddingsResponse]) {
        guard var joined = answers.first else { return nil }
        for answer in answers.dropFirst() {
            joined.vectors += answer.vectors
            guard let more = answer.usage else { continue }
            var usage = joined.usage ?? Usage(input: 0, output: 0)
            usage.input = usage.input.capped(adding: more.input)
            usage.output = usage.output.capped(adding: more.output)
            usage.extensions = Extensions()
            joined.usage = usage
        }
        if answers.count > 1 { joined.extensions = Extensions() }
        self = joined
    }

    /// Checks that the answer has what was asked for.
    ///
    /// - Throws: `Failure(.protocol)` when vectors are missing, or differ in length among themselves or from what the
    ///   caller wants: a client would store them without noticing.
    package func check(against request: EmbeddingsRequest) throws(Failure) {
        // Other kinds of numbers alone come in the dialect's extension.
        if vectors.isEmpty, !request.numberTypes.isEmpty { return }
        guard vectors.count == request.inputs.count else {
            throw Failure(.protocol, detail: "\(vectors.count) vectors for \(request.inputs.count) inputs")
        }
        let length = request.dimensions ?? vectors.first?.count ?? 0
        guard length > 0, vectors.allSatisfy({ $0.count == length }) else {
            throw Failure(.protocol, detail: "vectors of \(vectors.first?.count ?? 0) dimensions, not \(length)")
        }
    }
}
