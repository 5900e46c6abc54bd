//! TLS by rustls, with certificates that are read anew when their files change: renewing one needs no restart.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use sha2::{Digest, Sha256};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{self, ServerConfig};

/// How often the files are looked at. Certificates are renewed days before they end.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read `{}`: {source}: check `server.tls`", path.display())]
    Unreadable {
        /// Which one.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A file is not what it should be.
    #[error("`{}` holds no {what} in PEM form: {source}", path.display())]
    Pem {
        /// Which one.
        path: PathBuf,
        /// What it should hold.
        what: &'static str,
        /// What is wrong.
        source: pem::Error,
    },
    /// They do not go together, or cannot be used.
    #[error("certificate and key cannot be used: {0}: are they of one pair?")]
    Unusable(#[from] rustls::Error),
}

/// Certificate and key, as they are in their files.
pub struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    provider: Arc<CryptoProvider>,
    current: Arc<Current>,
    config: Arc<ServerConfig>,
}

#[derive(Debug)]
struct Current(ArcSwap<CertifiedKey>);

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn of(certificate: PathBuf, key: PathBuf) -> Result<Self, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let current = Arc::new(Current(ArcSwap::from_pointee(load(&provider, &certificate, &key)?)));
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&current) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { certificate, key, provider, current, config: Arc::new(config) })
    }

    /// Makes connections of it.
    #[must_use]
    pub fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.config))
    }

    /// Reads the files anew whenever they change, for ever. Those in use stay as long as the new ones cannot be used.
    pub async fn follow(self: Arc<Self>) {
        let mut seen = self.digest();
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let now = self.digest();
            if now == seen {
                continue;
            }
            seen = now;
            match load(&self.provider, &self.certificate, &self.key) {
                Ok(new) => {
                    self.current.0.store(Arc::new(new));
                    tracing::info!(certificate = %self.certificate.display(), "certificate read anew");
                }
                Err(error) => tracing::error!(%error, "certificate not taken up, the one before stays in use"),
            }
        }
    }

    /// The hash of both files; empty for one that cannot be read.
    fn digest(&self) -> Vec<u8> {
        let read = |path: &Path| std::fs::read(path).unwrap_or_default();
        Sha256::new()
            .chain_update(read(&self.certificate))
            .chain_update([0])
            .chain_update(read(&self.key))
            .finalize()
            .to_vec()
    }
}

fn load(provider: &CryptoProvider, certificate: &Path, key: &Path) -> Result<CertifiedKey, TlsError> {
    let failed = |path: &Path, what: &'static str| {
        let path = path.to_owned();
        move |source| match source {
            pem::Error::Io(source) => TlsError::Unreadable { path, source },
            source => TlsError::Pem { path, what, source },
        }
    };
    let no_certificate = failed(certificate, "certificate");
    let chain: Result<Vec<CertificateDer<'static>>, pem::Error> =
        CertificateDer::pem_file_iter(certificate).and_then(Iterator::collect);
    let chain = match chain {
        Ok(chain) if chain.is_empty() => Err(no_certificate(pem::Error::NoItemsFound)),
        Ok(chain) => Ok(chain),
        Err(error) => Err(no_certificate(error)),
    }?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(failed(key, "private key"))?;
    let certified = CertifiedKey::new(chain, provider.key_provider.load_private_key(key)?);
    certified.keys_match()?;
    Ok(certified)
}
