import GatehouseCore
import HTTPTypes
import Hummingbird
import Logging

/// Gives every response of the control plane a request id, and every error the same envelope: never HTML, never a stack.
struct EnvelopeMiddleware: RouterMiddleware {
    typealias Context = ControlContext

    let table: RouteTable

    func handle(
        _ request: Request, context: Context, next: @concurrent (Request, Context) async throws -> Response
    ) async throws -> Response {
        var response: Response
        do {
            response = try await next(request, context)
        } catch let error as HTTPError {
            response = ErrorResponse.render(gatehouseError(error, request), for: request, context)
            if error.status == .notFound, let allow = allowed(request) { response.headers[.allow] = allow }
        } catch {
            context.logger.error("Unexpected error on a control route", metadata: ["error": "\(error)"])
            let hidden = GatehouseError(.internalError, "This gateway failed. Its log says why.")
            response = ErrorResponse.render(hidden, for: request, context)
        }
        if let name = HTTPField.Name("x-request-id") {
            response.headers[name] = ErrorResponse.id(request, context)
        }
        response.headers[.cacheControl] = response.headers[.cacheControl] ?? "no-store"
        return response
    }

    private func gatehouseError(_ error: HTTPError, _ request: Request) -> GatehouseError {
        switch error.status.code {
        case 404 where allowed(request) != nil:
            GatehouseError(.methodNotAllowed, "This route does not take \(request.method.rawValue).")
        case 404: GatehouseError(.notFound, "There is no such route. The README lists those there are.")
        case 413: GatehouseError(.bodyTooLarge, "The body is too large.")
        case 400..<500: GatehouseError(.badRequestFraming, "The request cannot be read.")
        default: GatehouseError(.internalError, "This gateway failed. Its log says why.")
        }
    }

    /// The methods of the path that was asked for, when it has any.
    private func allowed(_ request: Request) -> String? {
        let methods = table.methods(of: request.uri.path)
        return methods.isEmpty ? nil : methods.joined(separator: ", ")
    }
}
