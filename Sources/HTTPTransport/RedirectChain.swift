/// A request on its way through redirects: where it stands and what it may still carry.
struct RedirectChain {
    /// The request of the present hop.
    private(set) var current: HTTPRequest
    /// Where the server stands that sent us here; nil before the first redirect.
    private(set) var sentFrom: AddressScope?
    private var hops = 0

    init(_ request: HTTPRequest) { current = request }

    /// Takes one redirect: method and headers change as RFC 9110, section 15.4 says, credentials stay at home.
    mutating func follow(_ location: String, status: Int, sentFrom scope: AddressScope) throws(HTTPError) {
        let what = current.description
        hops += 1
        guard hops <= current.limits.redirects else {
            throw HTTPError(.redirect, "\(what): more than \(current.limits.redirects) redirects")
        }
        let target: HTTPURL
        do {
            target = try current.url.resolving(location)
        } catch {
            throw HTTPError(.redirect, "\(what): redirect refused: \(error.message)")
        }
        if current.url.scheme == "https", target.scheme == "http" {
            throw HTTPError(.redirect, "\(what): a redirect from https to http is refused")
        }
        let becomesGet = status == 303 && current.method != "HEAD" || status < 303 && current.method == "POST"
        if becomesGet {
            current.method = "GET"
            current.body = nil
        }
        if !target.isSameOrigin(as: current.url) {
            guard current.body == nil else {
                throw HTTPError(.redirect, "\(what): a redirect that takes the body to \(target.origin) is refused")
            }
            current.headers = current.headers.withoutCredentials
            current.signing = nil
        }
        sentFrom = scope
        current.url = target
    }
}
