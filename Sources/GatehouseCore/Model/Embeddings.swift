/// A request for vectors, in no vendor's dialect.
package struct EmbeddingsRequest: Sendable, Equatable {
    package enum Input: Sendable, Equatable {
        case text(String)
        /// Tokens of the model's own vocabulary.
        case tokens([Int])
        /// Several parts, or media, that make one vector together.
        case content(Message)
    }

    /// How a caller wants the numbers of the answer.
    package enum Encoding: String, Sendable { case float, base64 }

    /// What the vectors are for.
    package enum Task: String, Sendable, CaseIterable {
        /// The question of a search.
        case query
        /// What is searched.
        case document
        case similarity, classification, clustering, questionAnswering, factVerification, codeQuery
    }

    /// The model's name as the target knows it.
    package var model: String
    /// In the caller's order: the answer has one vector for each.
    package var inputs: [Input]
    /// The length of the vectors; `nil` for the model's own.
    package var dimensions: Int?
    package var encoding: Encoding?
    package var task: Task?
    /// The title of a document, which some models take into account.
    package var title: String?
    /// The caller's word for its own end user.
    package var user: String?
    package var extensions = Extensions()

    package init(model: String, inputs: [Input] = []) {
        self.model = model
        self.inputs = inputs
    }
}

/// Vectors, in no vendor's dialect.
///
/// Numbers are single precision: that is what every vendor computes and what `base64` answers carry (four bytes each,
/// little-endian, IEEE 754), and a batch of long vectors takes a tenth of the memory of its texts. The shortest decimal
/// that reads as the same `Float` is what goes out as text.
package struct EmbeddingsResponse: Sendable, Equatable {
    package var model: String?
    package var vectors: [ContiguousArray<Float>]
    package var usage: Usage?
    package var extensions = Extensions()

    package init(model: String? = nil, vectors: [ContiguousArray<Float>] = [], usage: Usage? = nil) {
        self.model = model
        self.vectors = vectors
        self.usage = usage
    }

    /// A number as JSON has it; 0 for what JSON cannot say.
    package static func text(_ number: Float) -> String { number.isFinite ? "\(number)" : "0" }
}
