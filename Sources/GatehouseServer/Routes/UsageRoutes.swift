import GatehouseCore
import GatehouseEngine
import HTTPTypes
import Hummingbird
import NIOCore

/// What was spent, by key, user, team, organisation, provider, model and day: `GET /admin/api/usage`.
enum UsageRoutes {
    static func add(to routes: ControlRoutes, _ accounting: Accounting?) {
        routes.add(.get, "/admin/api/usage", .admin) { request, _ async throws(GatehouseError) in
            guard let accounting else {
                throw GatehouseError(.notFound, "No ledger is kept (ledger.enabled).")
            }
            let wish = try wish(request)
            let report = UsageReport(query: wish.query, lines: try await accounting.store.usage(wish.query))
            guard wish.isCSV else { return OperationsRoutes.json(report.json.text) }
            var headers = HTTPFields()
            headers[.contentType] = "text/csv; charset=utf-8"
            headers[.contentDisposition] = #"attachment; filename="usage.csv""#
            headers[.xContentTypeOptions] = "nosniff"
            return Response(
                status: .ok, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(string: report.csv)))
        }
    }

    private static func wish(_ request: Request) throws(GatehouseError) -> (query: UsageQuery, isCSV: Bool) {
        var fields: [String: String] = [:]
        for (name, value) in request.uri.queryParameters {
            guard ["by", "from", "to", "format"].contains(String(name)) else {
                throw GatehouseError(
                    .unknownParameter, "There is no such parameter; by, from, to and format are known.",
                    param: String(name.prefix(64)))
            }
            fields[String(name)] = String(value)
        }
        let query = try UsageReport.query(by: fields["by"], from: fields["from"], to: fields["to"])
        guard let format = fields["format"] else { return (query, false) }
        guard ["json", "csv"].contains(format) else {
            throw GatehouseError(.invalidValue, "format is json or csv.", param: "format")
        }
        return (query, format == "csv")
    }
}
