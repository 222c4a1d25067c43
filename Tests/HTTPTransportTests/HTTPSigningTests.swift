import Primitives
import Testing

@testable import HTTPTransport

/// The examples of Amazon's manual, with their keys and results:
/// https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
@Suite struct HTTPSigningTests {
    private let signing = HTTPSigning(
        accessKey: "AKIAIOSFODNN7EXAMPLE", secretKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", region: "us-east-1",
        service: "s3")
    /// 2013-05-24T00:00:00Z
    private let instant = Instant(microseconds: 1_369_353_600_000_000)

    private func signature(_ request: HTTPRequest) -> String {
        let value = signing.signed(request, at: instant).headers["Authorization"] ?? ""
        return String(value.split(separator: "Signature=").last ?? "")
    }

    @Test(
        "A request is signed as the manual's examples are",
        arguments: [
            ("?lifecycle", "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"),
            ("?prefix=J&max-keys=2", "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"),
        ])
    func query(query: String, expected: String) throws {
        let request = HTTPRequest(url: try HTTPURL("https://examplebucket.s3.amazonaws.com/\(query)"))
        #expect(signature(request) == expected)
    }

    @Test("Headers and the body are signed")
    func headersAndBody() throws {
        var get = HTTPRequest(url: try HTTPURL("https://examplebucket.s3.amazonaws.com/test.txt"))
        get.headers = [HTTPHeader("Range", "bytes=0-9")]
        #expect(signature(get) == "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41")
        let put = HTTPRequest(
            method: "PUT", url: try HTTPURL("https://examplebucket.s3.amazonaws.com/test%24file.text"),
            headers: [
                HTTPHeader("Date", "Fri, 24 May 2013 00:00:00 GMT"),
                HTTPHeader("X-Amz-Storage-Class", "REDUCED_REDUNDANCY"),
            ], body: Array("Welcome to Amazon S3.".utf8))
        #expect(signature(put) == "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd")
    }

    @Test("The token of temporary keys is sent and signed, and no dump shows a key")
    func token() throws {
        let signing = HTTPSigning(
            accessKey: "id-7f3a9c51e2", secretKey: "key-7f3a9c51e2", sessionToken: "token-7f3a9c51e2",
            region: "eu-west-1", service: "execute-api")
        let request = signing.signed(HTTPRequest(url: try HTTPURL("http://127.0.0.1:9000/a b")), at: instant)
        #expect(request.headers["X-Amz-Security-Token"] == "token-7f3a9c51e2")
        #expect(
            request.headers["Authorization"]?.contains(
                "Credential=id-7f3a9c51e2/20130524/eu-west-1/execute-api/aws4_request, "
                    + "SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token,") == true)
        var text = "\(signing) \(String(reflecting: signing))"
        dump(signing, to: &text)
        #expect(!text.contains("7f3a9c51e2"))
    }

    @Test("A redirect to another origin is not signed")
    func redirected() throws {
        var chain = RedirectChain(HTTPRequest(url: try HTTPURL("http://127.0.0.1:1/"), signing: signing))
        try chain.follow("/there", status: 307, sentFrom: .loopback)
        #expect(chain.current.signing != nil)
        try chain.follow("http://127.0.0.1:2/", status: 307, sentFrom: .loopback)
        #expect(chain.current.signing == nil)
    }
}
