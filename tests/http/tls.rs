//! TLS: certificates from files, renewed without a restart.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rcgen::{CertifiedKey, KeyPair};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::server::Server;

const PATIENCE: Duration = Duration::from_secs(60);

/// Writes a certificate for `localhost` and its key; gives the certificate.
fn certify(dir: &Path) -> CertificateDer<'static> {
    let CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    std::fs::write(dir.join("cert.pem"), cert.pem()).expect("written");
    std::fs::write(dir.join("key.pem"), KeyPair::serialize_pem(&signing_key)).expect("written");
    cert.der().clone()
}

/// Asks for `/healthz`, trusting this certificate alone.
fn ask(server: &Server, trusted: &CertificateDer<'static>) -> std::io::Result<String> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).expect("a certificate");
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").expect("a name");
    let connection = ClientConnection::new(Arc::new(config), name).expect("a connection");
    let address = server.url.strip_prefix("https://").expect("the address says so");
    let mut stream = StreamOwned::new(connection, TcpStream::connect(address)?);
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    match stream.read_to_string(&mut answer) {
        Err(error) if answer.is_empty() => Err(error),
        _ => Ok(answer),
    }
}

#[test]
fn certificates_are_served_and_renewed_without_a_restart() {
    let dir = tempfile::tempdir().expect("a folder");
    let first = certify(dir.path());
    let at = |name: &str| dir.path().join(name).display().to_string();
    let config = format!("server: {{tls: {{certificate: '{}', key: '{}'}}}}", at("cert.pem"), at("key.pem"));
    let server = Server::launch(&dir.path().join("data"), &config);
    assert!(ask(&server, &first).expect("an answer").starts_with("HTTP/1.1 200 OK"));
    // Who speaks no TLS gets no answer, and disturbs nobody.
    let mut plain = TcpStream::connect(server.url.strip_prefix("https://").expect("TLS")).expect("connected");
    plain.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").expect("sent");
    let mut said = Vec::new();
    let _ = plain.read_to_end(&mut said);
    assert!(!said.starts_with(b"HTTP"));

    std::fs::write(dir.path().join("cert.pem"), "damaged").expect("written");
    let second = certify(dir.path());
    let started = Instant::now();
    while ask(&server, &second).is_err() {
        assert!(started.elapsed() < PATIENCE, "the new certificate is not served");
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(ask(&server, &first).is_err(), "the old one is not served any more");
}

#[test]
fn a_certificate_that_cannot_be_used_is_said_at_the_start() {
    let dir = tempfile::tempdir().expect("a folder");
    certify(dir.path());
    std::fs::write(dir.path().join("key.pem"), "no key").expect("written");
    let file = dir.path().join("shop.yaml");
    let at = |name: &str| dir.path().join(name).display().to_string();
    let tls = format!("server: {{tls: {{certificate: '{}', key: '{}'}}}}\n", at("cert.pem"), at("key.pem"));
    std::fs::write(&file, tls).expect("written");
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_sidecart"))
        .args(["serve", "--listen", "127.0.0.1:0", "--config"])
        .arg(&file)
        .arg("--data-dir")
        .arg(dir.path().join("data"))
        .output()
        .expect("runs");
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("holds no private key in PEM form"), "{said}");
    std::fs::write(&file, "server: {tls: {certificate: cert.pem}}\n").expect("written");
    let check = std::process::Command::new(env!("CARGO_BIN_EXE_sidecart")).arg("check").arg(&file).output();
    let said = String::from_utf8_lossy(&check.expect("runs").stdout).into_owned();
    assert!(said.contains("needs `server.tls.key` beside it"), "{said}");
}
