/// A request to order documents by how well they answer a query, in no vendor's dialect.
package struct RerankRequest: Sendable, Equatable {
    /// The model's name as the target knows it.
    package var model: String
    package var query: String
    /// As the caller wrote them: texts, or objects with one.
    package var documents: [JSONValue]
    /// How many results to give; all when `nil`.
    package var topN: Int?
    /// Whether the documents shall be in the answer; as the dialect does by itself when `nil`.
    package var returnDocuments: Bool?
    package var extensions = Extensions()

    package init(model: String, query: String, documents: [JSONValue]) {
        self.model = model
        self.query = query
        self.documents = documents
    }

    /// The text of a document; `nil` when it has none, or there is no such document.
    package func text(_ index: Int) -> String? {
        guard documents.indices.contains(index) else { return nil }
        return documents[index].string ?? documents[index]["text"]?.string
    }
}

/// Documents in their new order, in no vendor's dialect.
package struct RerankResponse: Sendable, Equatable {
    package struct Result: Sendable, Equatable {
        /// Where the document stands in the request.
        package var index: Int
        /// As it was written; its range is the model's own.
        package var score: String
        package var extensions = Extensions()

        package init(index: Int, score: String) {
            self.index = index
            self.score = score
        }
    }

    package var id: String?
    package var model: String?
    /// Best first.
    package var results: [Result]
    package var usage: Usage?
    /// Cohere's unit of account: a query with up to a hundred documents.
    package var searchUnits: Int?
    package var extensions = Extensions()

    package init(results: [Result]) { self.results = results }
}

extension RerankResponse {
    /// Checks that the results are about the documents of the request.
    ///
    /// - Throws: `Failure(.protocol)`.
    package func check(against request: RerankRequest) throws(Failure) {
        var seen: Set<Int> = []
        for result in results {
            guard request.documents.indices.contains(result.index), seen.insert(result.index).inserted else {
                throw Failure(.protocol, detail: "a result for document \(result.index) of \(request.documents.count)")
            }
        }
    }
}
