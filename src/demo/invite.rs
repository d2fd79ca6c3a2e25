//! The lines to paste into another terminal while the demo stays up.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;

use super::issuer::{Issuer, LIFETIME};

/// Where everything is.
pub(super) struct Invitation<'a> {
    /// The demo's folder.
    pub(super) folder: &'a Path,
    /// The gateway's listener.
    pub(super) gateway: SocketAddr,
    /// Its admin listener.
    pub(super) admin: SocketAddr,
    /// Who gives tokens.
    pub(super) issuer: &'a Issuer,
    /// An account whose answer carries a JWT upstream.
    pub(super) account: &'a str,
}

impl Invitation<'_> {
    /// Lines for a POSIX shell, each indented by two columns, and a last word.
    pub(super) fn text(&self) -> String {
        let (folder, port, admin, issuer) = (self.folder.display(), self.gateway.port(), self.admin, self.issuer.url());
        let mut text = format!(
            "  DEMO={folder} ADMIN=http://{admin}\n  \
             GATEWAY=https://localhost:{port} ISSUER={issuer}\n  \
             token() {{ curl -s --cacert $DEMO/ca.pem -u \"$1\" -d grant_type=client_credentials \\\n    \
             $ISSUER/token | sed 's/.*\"access_token\":\"\\([^\"]*\\)\".*/\\1/'; }}\n"
        );
        for client in self.issuer.clients() {
            let (id, secret) = (client.id, client.secret.expose());
            // Writing into a `String` cannot fail.
            let _ = writeln!(text, "  {}=$(token {id}:{secret})", id.to_uppercase());
        }
        let curl = r"curl -si -w '\n' --cacert $DEMO/ca.pem";
        let _ = writeln!(text, "\n  {curl} $GATEWAY/varz");
        let accountz = format!("/accountz?acc={}", self.account);
        let asked = [("SCRAPER", "/varz"), ("SCRAPER", "/accountz"), ("OPERATOR", "/connz"), ("OPERATOR", &accountz)];
        for (who, path) in asked {
            let _ = writeln!(text, "  {curl} -H \"Authorization: Bearer ${who}\" \\\n    \"$GATEWAY{path}\"");
        }
        let _ = writeln!(text, "  {curl} --cert $DEMO/prometheus.pem \\\n    --key $DEMO/prometheus.key $GATEWAY/varz");
        let _ = write!(
            text,
            "  curl -s $ADMIN/metrics | grep monward_requests_total\n  \
             tail -n 1 $DEMO/audit.jsonl; cat $DEMO/policy.yaml\n\n\
             Tokens last {} minutes. Ctrl-C ends everything and removes the files.\n",
            LIFETIME.as_secs() / 60
        );
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::UnixTime;

    #[test]
    fn every_client_gets_a_token_and_no_line_is_wider_than_100_columns() {
        let issuer = Issuer::new("https://127.0.0.1:65535".to_owned(), UnixTime::default).unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], 65535));
        let account = "A".repeat(56);
        let folder = Path::new("/tmp/monward-demo-AbCdEf");
        let invitation = Invitation { folder, gateway: address, admin: address, issuer: &issuer, account: &account };
        let text = invitation.text();
        for client in issuer.clients() {
            assert!(text.contains(&format!("$(token {}:{})\n", client.id, client.secret.expose())));
        }
        for line in text.lines() {
            assert!(line.chars().count() <= 100, "{line}");
        }
    }
}
