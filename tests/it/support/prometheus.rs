//! A real Prometheus: scrapes what a test tells it, and says how that went.

use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::Instant;

use serde_json::Value;
use tempfile::TempDir;

use super::gateway::{Gateway, plain_get};
use super::pki::{Authority, Identity, SERVER};
use super::provider::{Account, Provider, encoded};
use super::{PATIENCE, Process, eventually, tool};

/// A running Prometheus; dropping it kills it.
pub struct Prometheus {
    _process: Process,
    folder: TempDir,
    pub address: SocketAddr,
}

/// How the scrapes of one job go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    pub up: bool,
    /// Why the last one failed; empty when it did not.
    pub error: String,
}

impl Prometheus {
    /// One that scrapes nothing: an exporter of its own figures.
    pub fn exporter() -> Self {
        Self::start(&[], &[])
    }

    /// One that does `jobs`. It has the authority of the tests as `ca.pem`, and `identities` by their names.
    pub fn start(jobs: &[String], identities: &[(&str, &Identity)]) -> Self {
        let folder = TempDir::new().unwrap();
        let put = |name: &str, content: &str| std::fs::write(folder.path().join(name), content).unwrap();
        put("ca.pem", &Authority::shared().certificate);
        for (name, identity) in identities {
            put(&format!("{name}.pem"), &identity.certificate);
            put(&format!("{name}.key"), &identity.key);
        }
        let config =
            format!("global: {{ scrape_interval: 1s, scrape_timeout: 1s }}\nscrape_configs:\n{}", jobs.concat());
        put("prometheus.yml", &config);
        let log =
            || Stdio::from(std::fs::File::options().append(true).create(true).open(folder.path().join("log")).unwrap());
        let child = Command::new(tool("prometheus/usr/bin/prometheus"))
            .args(["--config.file=prometheus.yml", "--storage.tsdb.path=data", "--web.listen-address=127.0.0.1:0"])
            // It would take five seconds to find its targets.
            .arg("--scrape.discovery-reload-interval=100ms")
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(log())
            .stderr(log())
            .spawn()
            .unwrap();
        let mut process = Process(child);
        let said = || std::fs::read_to_string(folder.path().join("log")).unwrap();
        let address = eventually("Prometheus to listen", || {
            if let Some(status) = process.0.try_wait().unwrap() {
                panic!("Prometheus ended with {status}:\n{}", said());
            }
            let said = said();
            let (_, rest) = said.split_once("msg=\"Listening on\" address=")?;
            // The whole line must be there, or the port may be half of one.
            rest.split_once('\n')?.0.trim().parse().ok()
        });
        eventually("Prometheus to be ready", || (plain_get(address, "/-/ready").status == 200).then_some(()));
        Self { _process: process, folder, address }
    }

    /// What it says under `path`.
    fn api(&self, path: &str) -> Value {
        let answer = plain_get(self.address, path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        serde_json::from_slice::<Value>(&answer.body).unwrap()["data"].clone()
    }

    /// How the scrapes of `job` go, once it was scraped.
    pub fn health(&self, job: &str) -> Health {
        eventually(&format!("a scrape of {job}"), || {
            let targets = self.api("/api/v1/targets?state=active");
            let mut targets = targets["activeTargets"].as_array().unwrap().iter();
            let target = targets.find(|target| target["labels"]["job"] == job)?;
            let up = match target["health"].as_str().unwrap() {
                "up" => true,
                "down" => false,
                "unknown" => return None,
                other => panic!("{other}"),
            };
            Some(Health { up, error: target["lastError"].as_str().unwrap().to_owned() })
        })
    }

    /// The newest sample of the metric or expression `name` for `job`, once there is one.
    pub fn sample(&self, name: &str, job: &str) -> f64 {
        self.series(name, job)["value"][1].as_str().unwrap().parse().unwrap()
    }

    /// The labels of that sample.
    pub fn labels(&self, name: &str, job: &str) -> Value {
        self.series(name, job)["metric"].clone()
    }

    /// How many series of `job` the metric or expression `name` finds now.
    pub fn found(&self, name: &str, job: &str) -> usize {
        let found = self.api(&format!("/api/v1/query?query={}", encoded(name)));
        found["result"].as_array().unwrap().iter().filter(|series| series["metric"]["job"] == job).count()
    }

    /// Its own figures.
    pub fn page(&self) -> String {
        plain_get(self.address, "/metrics").text()
    }

    fn series(&self, name: &str, job: &str) -> Value {
        eventually(&format!("{name} of {job}"), || {
            let found = self.api(&format!("/api/v1/query?query={}", encoded(name)));
            found["result"].as_array().unwrap().iter().find(|series| series["metric"]["job"] == job).cloned()
        })
    }

    /// `job` comes to be scraped well: by the state of the target and by the series `up`.
    pub fn assert_up(&self, job: &str) {
        let begin = Instant::now();
        eventually(&format!("{job} to be up"), || {
            let health = self.health(job);
            assert!(health.up || begin.elapsed() < PATIENCE / 2, "{job}: {health:?}\n{}", self.log());
            let sample = self.sample("up", job);
            (health.up && (sample - 1.0).abs() < f64::EPSILON).then_some(())
        });
    }

    /// `job` comes to be scraped in vain, with `why` in the error, and never was scraped well. Says the whole error.
    pub fn assert_down(&self, job: &str, why: &str) -> String {
        let begin = Instant::now();
        let error = eventually(&format!("{job} to be down"), || {
            let health = self.health(job);
            let told = !health.up && health.error.contains(why);
            assert!(told || begin.elapsed() < PATIENCE / 2, "{job}: {health:?}");
            told.then_some(health.error)
        });
        assert!(self.sample("max_over_time(up[1h])", job).abs() < f64::EPSILON, "{job} was up");
        error
    }

    /// What it wrote.
    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap()
    }
}

/// A job that scrapes `path` of the gateway, with further members.
pub fn job(name: &str, gateway: &Gateway, path: &str, more: &[String]) -> String {
    format!(
        "  - job_name: {name}
    scheme: https
    metrics_path: {path}
    static_configs: [{{ targets: ['{}'] }}]
{}",
        gateway.listeners[0],
        more.concat()
    )
}

/// `tls_config` for the gateway.
pub fn trusting() -> String {
    format!("    tls_config: {{ ca_file: ca.pem, server_name: {SERVER} }}\n")
}

/// `oauth2` as `client`, who wants tokens for `resource`; `tls` is more of its `tls_config`, flow style.
pub fn oauth2(provider: &Provider, client: Account, resource: &str, tls: &str) -> String {
    format!(
        "    oauth2:
      client_id: '{}'
      client_secret: '{}'
      token_url: {}/token
      endpoint_params: {{ resource: '{resource}' }}
      tls_config: {{ ca_file: ca.pem{tls} }}
",
        client.id,
        client.secret(),
        provider.url()
    )
}
