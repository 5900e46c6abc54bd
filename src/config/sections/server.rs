use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::{Bytes, Span, kind};

/// TLS; the files are read anew when they change.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TlsFiles {
    /// File of the certificate and those it rests on, PEM; `null`: no TLS.
    #[schemars(with = "Option<kind::FilePath>")]
    pub certificate: Option<PathBuf>,
    /// File of its private key, PEM.
    #[schemars(with = "Option<kind::FilePath>")]
    pub key: Option<PathBuf>,
}

/// The HTTP server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Server {
    /// Address and port to listen on. Port 0 takes a free one.
    #[schemars(with = "kind::Address")]
    pub listen: SocketAddr,
    /// Address and port for what needs the scope `admin`, which `listen` then refuses; `null`: `listen` takes it.
    #[schemars(with = "Option<kind::Address>")]
    pub admin_listen: Option<SocketAddr>,
    /// TLS; the files are read anew when they change.
    pub tls: TlsFiles,
    /// The largest request body accepted; a larger one is answered with 413.
    #[schemars(extend("x-min" = "1KiB", "x-max" = "1GiB"))]
    #[schemars(extend("x-live" = true))]
    pub max_body: Bytes,
    /// The longest a request may take, reading its body included; then 408.
    #[schemars(extend("x-min" = "100ms", "x-max" = "10m"))]
    #[schemars(extend("x-live" = true))]
    pub request_timeout: Span,
    /// Requests handled at once; what is beyond gets a smaller answer (recommendations) or 503 (all else).
    #[schemars(range(min = 1, max = 100_000))]
    #[schemars(extend("x-live" = true))]
    pub max_in_flight: usize,
    /// Time in which a recommendation is to be answered, when neither the placement nor the request says otherwise.
    #[schemars(extend("x-min" = "1ms", "x-max" = "10s"))]
    #[schemars(extend("x-live" = true))]
    pub deadline: Span,
    /// Share of the answers for which a lower rung of the ladder is tried too, beside the answer and shown to nobody, so
    /// that it is known to work. 0 tries none.
    #[schemars(range(min = 0.0, max = 1.0))]
    #[schemars(extend("x-live" = true))]
    pub ladder_probes: f64,
    /// How long open requests may finish after a stop signal.
    #[schemars(extend("x-min" = "0s", "x-max" = "10m"))]
    #[schemars(extend("x-live" = true))]
    pub shutdown_grace: Span,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            admin_listen: None,
            tls: TlsFiles::default(),
            max_body: Bytes::from_mib(8),
            request_timeout: Span::from_secs(10),
            max_in_flight: 512,
            deadline: Span::from_ms(50),
            ladder_probes: 0.001,
            shutdown_grace: Span::from_secs(10),
        }
    }
}
