//! One sentence for every reason that a record can have, and what would help.

/// What a reason label of a record says, as a full sentence; `None` for a word that this version does not know.
#[must_use]
pub fn sentence(reason: &str) -> Option<&'static str> {
    of_requests(reason).or_else(|| of_tokens(reason)).or_else(|| of_certificates(reason)).or_else(|| of_answers(reason))
}

/// What would change the outcome, where anything in general can be said.
#[must_use]
pub fn remedy(reason: &str) -> Option<&'static str> {
    Some(match reason {
        "credential_missing" => "Send a token, or a client certificate where the listener asks for one.",
        "credential_several" | "credential_in_query" => "Send exactly one credential, in the Authorization field.",
        "credential_scheme" => {
            "Send `Authorization: Bearer …`; HTTP Basic counts only on a listener with `basic: true`."
        }
        "token_audience" => "Let the issuer put one of `issuers.*.audiences` into the token, or add its value there.",
        "token_unknown_issuer" => "Compare `iss` of the token with `issuers.*.issuer`, letter for letter.",
        "token_expired" | "certificate_expired" => {
            "The client must renew it; check its clock if it believes that it did."
        }
        "token_not_yet_valid" | "token_issued_in_future" => "Compare the clocks of monward and the issuer.",
        "token_lifetime" => "Let the issuer give shorter-lived tokens, or raise `issuers.*.max_lifetime`.",
        "token_typ" | "token_claim_missing" => "An issuer that does not follow RFC 9068 needs `profile: jwt`.",
        "token_not_access_token" => "Send the access token, not the ID or refresh token.",
        "token_algorithm_not_allowed" => "Add it to `issuers.*.algorithms` if this issuer is meant to sign so.",
        "token_sender_constrained" => {
            "Use the token on a connection with the certificate it is bound to; DPoP is not spoken."
        }
        "keys_missing" | "issuer_unavailable" => {
            "See why the issuer cannot be reached: monward's log, and the issuer's own."
        }
        "token_unknown_key" | "token_signature" => "See whether the issuer publishes the key that it signs with.",
        "revoked" => "The `revocations` file names the credential; it is good again once the entry is gone.",
        "certificate_revocation_unknown" | "crl_expired" | "crl_unusable" => {
            "Give `crl_files` a current list of every authority in the chain."
        }
        "certificate_unknown_issuer" => "Let an authority of `client_ca_file` sign the certificate.",
        "key_attempts" => "Wait a minute, and let whoever sends wrong keys stop.",
        "wrong_host" => "Ask by one of the listener's `hosts`, or add this name there.",
        "rate_limited" => "Ask less often, or raise the rule's `limit`; scrapers with one identity share a limit.",
        "unknown_argument" | "argument_value" | "duplicate_argument" => {
            "The catalogue lists the arguments of the endpoint and their values."
        }
        "unreachable" | "tls_failed" | "timed_out" => {
            "Look at the upstream: `upstreams.*.url`, its log, its certificate."
        }
        "too_large" => "Ask for less (`limit`), or raise `upstreams.*.max_body`.",
        "too_many_connections" => "Raise `limits.connections`, or find out who holds them.",
        "too_many_from_source" => "Raise `limits.connections_per_source`, or let the client reuse connections.",
        "tls_handshake" => "Compare what the client offers and trusts: TLS version, server name, authority.",
        _ => return None,
    })
}

fn of_requests(reason: &str) -> Option<&'static str> {
    Some(match reason {
        "rule" => "A rule of the policy permits it.",
        "no_role" => "The caller is known, but has none of the roles of the policy.",
        "no_rule" => "No rule opens this endpoint to the caller's roles.",
        "denied" => "A deny rule closes this endpoint to one of the caller's roles.",
        "forward_auth_fields" => "The trusted proxy did not tell exactly once what was asked.",
        "forward_auth_redaction" => {
            "A rule permits it, but a proxy that fetches by itself cannot take out what must not leave."
        }
        "forward_auth_asking" => {
            "A rule permits it, but a proxy that fetches by itself cannot ask the upstream as monward does."
        }
        "forward_auth_target" => "A rule permits it, but not as it is spelled, and the proxy forwards what is spelled.",
        "unknown_path" => "No route of the listener is for this path.",
        "tenant_unknown" => "A rule opens the endpoint to tenants, and the credential does not name just one.",
        "conditions" => {
            "A rule opens the endpoint to the caller, but not now, from there, over that TLS or with that credential."
        }
        "argument_forbidden" => "A rule opens the endpoint to the caller, but not with one of the arguments given.",
        "argument_outside" => {
            "A rule opens the endpoint to the caller, but not with the value of one of the arguments."
        }
        "rate_limited" => "The rule permits it, but the caller asked more often than the rule's limit.",
        "wrong_host" => "The request was sent to a host name that the listener does not answer for.",
        "target_too_long" => "The request target is longer than 8192 bytes.",
        "target_malformed" => "The request target can be read in more than one way.",
        "unknown_endpoint" => "No endpoint of the catalogue has this path.",
        "method_not_allowed" => "The endpoint is only read, with GET or HEAD.",
        "unknown_argument" => "The query names an argument that the endpoint does not have.",
        "duplicate_argument" => "The query gives one argument twice.",
        "argument_value" => "The query gives an argument a value that it does not take.",
        "callback" => "The query asks for JSONP, and no rule that fits serves it, or it names no function.",
        "malformed_head" => "The head of the request is not strict HTTP.",
        "http_version" => "The request speaks neither HTTP/1.1 nor HTTP/2.",
        "malformed_host" => "The request has no host, several, or one that is no host.",
        "request_body" => "The request has a body, and only reading is possible here.",
        "expectation" => "The request has an Expect field, which cannot be met.",
        "loop" => "The request has passed through this gateway before.",
        "head_too_large" => "The head of the request has too many fields or bytes.",
        "head_too_slow" => "The head of the request took too long to arrive.",
        "too_many_connections" => "All connections that the listener may have were taken.",
        "too_many_from_source" => "All connections that one address may have were taken.",
        "h2_preface" => "The connection promised HTTP/2 and did not begin with it.",
        "h2_malformed" => "Something on the HTTP/2 connection was no request at all.",
        "tls_handshake" => "Client and listener could not agree in the TLS handshake.",
        "tls_handshake_too_slow" => "The TLS handshake took too long.",
        "aborted" => "The client went away, or monward stopped, before there was an answer.",
        _ => return None,
    })
}

fn of_tokens(reason: &str) -> Option<&'static str> {
    Some(match reason {
        "credential_missing" => "The request shows no credential.",
        "credential_several" => "The request shows several credentials of one kind; which one counts would be a guess.",
        "credential_scheme" => "The scheme in the Authorization field is not accepted on this listener.",
        "credential_malformed" => "What follows the scheme in the Authorization field is malformed.",
        "credential_in_query" => "There is a token in the query, where logs and histories keep it.",
        "token_too_long" => "The token is longer than 16 KiB.",
        "token_parts" => "The token is not three parts with dots between them.",
        "token_encoding" => "A part of the token is not canonical base64url.",
        "token_json" => "Header or claims of the token are not a JSON object.",
        "token_duplicate_member" => "Header or claims of the token name a member twice.",
        "token_too_deep" => "Header or claims of the token are nested too deep.",
        "token_crit" => "The token demands that something be understood which is not (`crit`).",
        "token_header_parameter" => "The header of the token brings a key or an encoding that is not accepted.",
        "token_typ" => "The token does not say that it is an access token (`typ`).",
        "token_algorithm_unknown" => "The token names no signature algorithm that is understood (`alg`).",
        "token_algorithm_not_allowed" => "The token is signed with an algorithm that this issuer may not use.",
        "token_kid_malformed" => "The token's name of its key is not a text of a sane length (`kid`).",
        "token_unknown_issuer" => "The token's issuer is not configured (`iss`).",
        "token_claim_missing" => "The token lacks a claim that is required.",
        "token_claim_malformed" => "A claim of the token has the wrong type or an impossible value.",
        "token_audience" => "The token is for somebody else (`aud`).",
        "token_expired" => "The token has expired.",
        "token_not_yet_valid" => "The token is not valid yet (`nbf`).",
        "token_issued_in_future" => "The token says that it was issued in the future (`iat`).",
        "token_lifetime" => "The token lives longer than allowed.",
        "token_not_access_token" => {
            "The token is an ID, refresh or logout token, or not the assertion of this front door."
        }
        "token_sender_constrained" => "The token is bound to a key which this connection does not show.",
        "token_signer" => "The load balancer that signed the assertion is not configured.",
        "token_client" => "The assertion was made for another client of the identity provider.",
        "keys_missing" => "There are no live keys of the token's issuer, so nobody can judge it.",
        "token_unknown_key" => "The issuer has no key of the name in the token.",
        "token_kid_missing" => "The token names no key, and the issuer has several.",
        "token_algorithm_of_key" => "The token is signed with another algorithm than its key is for.",
        "token_signature" => "The signature of the token is wrong.",
        "issuer_unavailable" => "Only the issuer can judge the credential, and it could not be asked.",
        "token_inactive" => "The issuer says that the token is not, or no longer, good.",
        "key_wrong" => "The name or the static key is wrong.",
        "key_attempts" => "Too many wrong static keys came from this address or for this name.",
        "revoked" => "The operator revoked the credential.",
        _ => return None,
    })
}

fn of_certificates(reason: &str) -> Option<&'static str> {
    Some(match reason {
        "certificate_malformed" => "The client certificate cannot be read.",
        "certificate_missing" => "The connection shows no client certificate, and the listener demands one.",
        "certificate_of_authority" => "The client certificate is that of an authority, which speaks for nobody.",
        "certificate_key_usage" => "The key of the client certificate is not for signatures.",
        "certificate_name" => "The client certificate has a name that is not plain ASCII of a sane length.",
        "certificate_several_uris" => "The client certificate has several URIs; which one counts would be a guess.",
        "certificate_spiffe_id" => "The client certificate has a malformed SPIFFE ID.",
        "certificate_not_yet_valid" => "The client certificate is not valid yet.",
        "certificate_expired" => "The client certificate has expired.",
        "certificate_revoked" => "The authority of the client certificate revoked it.",
        "certificate_revocation_unknown" => "No revocation list covers the client certificate.",
        "crl_expired" => "The revocation list for the client certificate has expired.",
        "crl_unusable" => "The revocation list for the client certificate cannot be used.",
        "certificate_unknown_issuer" => "No trusted authority issued the client certificate.",
        "certificate_purpose" => "The client certificate is not for clients.",
        "certificate_signature" => "A signature of the client certificate is not accepted.",
        "certificate_chain" => "The chain of the client certificate breaks a rule.",
        _ => return None,
    })
}

fn of_answers(reason: &str) -> Option<&'static str> {
    Some(match reason {
        "tenant_shape" => "The upstream's answer has a shape in which nobody can tell what is the tenant's.",
        "tenant_repeated" => "The upstream's answer says twice whose something is.",
        "upstream_secret" => "The upstream's answer repeats the secret that monward asked with.",
        "tenant_stranger" => "The upstream answered about somebody other than the tenant.",
        "unreachable" => "The upstream cannot be reached.",
        "tls_failed" => "The TLS handshake with the upstream failed.",
        "timed_out" => "The upstream did not answer in time.",
        "framing" => "The upstream's answer breaks HTTP.",
        "too_large" => "The upstream's answer is larger than `max_body`.",
        "truncated" => "The upstream's answer ends before it is whole.",
        "encoded" => "The upstream's answer is compressed although that was not asked for.",
        "stopped" => "The upstream's answer was refused while it was read.",
        "request" => "The request to the upstream could not be written; that is a mistake of monward's own.",
        "upstream_status" => "The upstream answered with a status that is no success.",
        "upstream_content_type" => "The upstream's answer is not of the kind that this endpoint answers.",
        "empty" => "The upstream's answer has no value in it, so it cannot be redacted.",
        "syntax" => "The upstream's answer is not strict JSON, or no page of metrics, so it cannot be redacted.",
        "encoding" => "The upstream's answer is not UTF-8 text, so it cannot be redacted.",
        "byte_order_mark" => "The upstream's answer begins with a byte order mark.",
        "trailing" => "The upstream's answer goes on behind its end.",
        "root_scalar" => "The upstream's answer is neither an object nor a list.",
        "depth" => "The upstream's answer is nested too deep to be redacted.",
        "too_long" => "The upstream's answer has a name, number, gap or line too long to be redacted.",
        "lone_surrogate" => "The upstream's answer has half a character in a name.",
        "too_many" => {
            "The upstream's page has more series than can be told apart once labels are taken out, or more than 1024 labels on a line."
        }
        _ => return None,
    })
}
