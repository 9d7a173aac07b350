import GatehouseCore
import NIOCore
import Testing

@testable import GatehouseUpstream

@Suite struct SigV4SigningTests {
    struct Vector: Sendable, CustomTestStringConvertible {
        var method: String
        var path: String
        var headers: [(name: String, value: String)] = []
        var body = ""
        var token: String?
        var names: String
        var signature: String

        var testDescription: String { "\(method) \(path)" }
        var service: String { path.hasPrefix("/model") ? "bedrock" : "service" }
    }

    private static let bedrock = "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Aapplication-inference-profile"
    private static let json = [(name: "Content-Type", value: "application/json")]

    /// The first, second, third, fourth, ninth and tenth are of AWS's published suite (get-vanilla, post-vanilla,
    /// get-vanilla-query-order-key-case, get-vanilla-query-order-value, get-header-value-trim,
    /// post-x-www-form-urlencoded). The others were made with botocore 1.44.5's `SigV4Auth` at the same time, with the
    /// same key, for the host `example.amazonaws.com` in `us-east-1`.
    static let vectors = [
        Vector(
            method: "GET", path: "/", names: "host;x-amz-date",
            signature: "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        Vector(
            method: "POST", path: "/", names: "host;x-amz-date",
            signature: "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
        Vector(
            method: "GET", path: "/?Param2=value2&Param1=value1", names: "host;x-amz-date",
            signature: "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"),
        Vector(
            method: "GET", path: "/?Param1=value2&Param1=Value1", names: "host;x-amz-date",
            signature: "eedbc4e291e521cf13422ffca22be7d2eb8146eecf653089df300a15b2382bd1"),
        Vector(
            method: "GET", path: "/?a=1&a-b=2&b", names: "host;x-amz-date",
            signature: "41dd47128f9cd71a1061b6db841b44539938da79de9a515a91ddaa4004cb7ccd"),
        Vector(
            method: "GET", path: "/example//%20/../x/./", names: "host;x-amz-date",
            signature: "16a5639c376d281c4bf542bec8a09c6cc4b6826c994651f2c1e8760671487188"),
        Vector(
            method: "GET", path: "/-._~0123456789ABCxyz", names: "host;x-amz-date",
            signature: "553ff3f1e6a03053119ca1ebd79a1881cbfb9dab5ddaab3c43a634a267b7c688"),
        Vector(
            method: "GET", path: "/example%20space/", names: "host;x-amz-date",
            signature: "446b817944c553435b35e813c261ff4e161fff982d1bacdef1c87f6785dd1662"),
        Vector(
            method: "GET", path: "/", headers: [("My-Header1", " value1"), ("My-Header2", " \"a   b   c\"")],
            names: "host;my-header1;my-header2;x-amz-date",
            signature: "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"),
        Vector(
            method: "POST", path: "/", headers: [("Content-Type", "application/x-www-form-urlencoded")],
            body: "Param1=value1", names: "content-type;host;x-amz-date",
            signature: "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"),
        Vector(
            method: "POST", path: "/model/us.anthropic.claude-3-7-sonnet-20250219-v1%3A0/converse", headers: json,
            body: #"{"messages":[{"role":"user","content":[{"text":"grün"}]}]}"#,
            names: "content-type;host;x-amz-date",
            signature: "95b8cd5a3b282c00d434f6035965df394ce8554934071f0923d3aff574495298"),
        Vector(
            method: "POST", path: bedrock + "%2Fabc123/converse-stream", headers: json, body: "{}",
            token: "IQoJb3JpZ2luX2VjEXAMPLE//TOKEN==",
            names: "content-type;host;x-amz-date;x-amz-security-token",
            signature: "ca223bdedd0b54fab810e531c6349024bd79e27f895d0e625596eed0ea2c3b73"),
    ]

    @Test(arguments: vectors)
    func signs(vector: Vector) throws {
        let credentials = AWSCredentials(
            accessKeyID: "AKIDEXAMPLE", secretAccessKey: Secret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
            sessionToken: vector.token.map { Secret($0) })
        let added = SigV4(region: "us-east-1", service: vector.service).sign(
            method: vector.method, path: vector.path, headers: [("host", "example.amazonaws.com")] + vector.headers,
            body: ByteBuffer(string: vector.body), with: credentials, at: 1_440_938_160)
        let proof = try #require(added.last)
        #expect(
            proof.value.reveal()
                == "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/\(vector.service)/aws4_request, "
                + "SignedHeaders=\(vector.names), Signature=\(vector.signature)")
        #expect(added.first == AuthorizationHeader("x-amz-date", Secret("20150830T123600Z")))
        #expect(added.count == (vector.token == nil ? 2 : 3))
        #expect(proof.name == "authorization")
    }

    @Test func modelsInPathsAreEncodedOnce() {
        #expect(PercentEncoding.encoded("arn:aws:b/x v1~") == "arn%3Aaws%3Ab%2Fx%20v1~")
        #expect(SigV4.canonicalPath("/model/a%3A0/converse") == "/model/a%253A0/converse")
    }

    @Test(arguments: [
        (0, "19700101T000000Z"), (951_782_400, "20000229T000000Z"), (1_440_938_160, "20150830T123600Z"),
        (1_709_251_199, "20240229T235959Z"), (4_102_444_800, "21000101T000000Z"), (-5, "19700101T000000Z"),
        (.max, "99991231T235959Z"),
    ])
    func timesAreWritten(seconds: Int, stamp: String) {
        #expect(UTCTime(seconds: seconds).stamp == stamp)
    }

    @Test func timesAreReadAsTheyAreWritten() {
        for seconds in stride(from: 0, through: 4_200_000_000, by: 7_777_777) {
            let time = UTCTime(seconds: seconds)
            let stamp = Array(time.stamp)
            let text =
                "\(String(stamp[0..<4]))-\(String(stamp[4..<6]))-\(String(stamp[6..<8]))T"
                + "\(String(stamp[9..<11])):\(String(stamp[11..<13])):\(String(stamp[13..<15]))Z"
            #expect(UTCTime(parsing: text) == time)
        }
        #expect(UTCTime(parsing: "2015-08-30T12:36:00.123456Z")?.seconds == 1_440_938_160)
    }

    @Test(arguments: [
        "", "2015-08-30", "2015-13-30T12:36:00Z", "2015-08-30T24:36:00Z", "2015-08-30 12:36:00Z",
        "2015-08-30T12:36:00+01:00", "20x5-08-30T12:36:00Z", "1969-08-30T12:36:00Z",
    ])
    func whatIsNoTime(text: String) {
        #expect(UTCTime(parsing: text) == nil)
    }
}
