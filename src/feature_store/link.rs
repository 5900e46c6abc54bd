//! The connection to Redis or Valkey, alone or as a cluster: what the store asks of it, and nothing more.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use redis::aio::{ConnectionLike, ConnectionManager, ConnectionManagerConfig};
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::{
    Client, Cmd, ConnectionInfo, ErrorKind, IntoConnectionInfo, Pipeline, RedisError, RedisFuture, Script,
    ServerErrorKind, TlsCertificates, Value, cmd,
};
use tokio::task::JoinHandle;
use tokio_rustls::rustls::crypto::ring;

use super::layout::FIELDS;
use crate::config::features::Redis;

/// Pause after the first failed attempt to connect; doubled up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// See [`FIRST_PAUSE`].
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// The longest a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// The client's own attempts to connect again before it tells: the breaker and the writer try anew by themselves.
const RETRIES: usize = 1;

/// Puts a profile under a shopper's key unless the key has heard of a later one. A new generation is put beside what was
/// there only by a caller who has seen exactly that, and brings the two merged.
const WRITE: &str = r"
local v, log, since, changed = unpack(redis.call('HMGET', KEYS[1], 'v', 'log', 'since', 'changed'))
if v and tonumber(v) > tonumber(ARGV[1]) then return {'newer'} end
if log == ARGV[2] then
  local older = tonumber(ARGV[3]) < tonumber(since)
  if older or (ARGV[3] == since and tonumber(ARGV[4]) <= tonumber(changed)) then return {'known'} end
end
if log and (log ~= ARGV[2] or since ~= ARGV[3]) then
  if ARGV[8] ~= log or ARGV[9] ~= since or ARGV[10] ~= changed then
    local now, past = unpack(redis.call('HMGET', KEYS[1], 'now', 'past'))
    return {'merge', log, since, changed, now or '', past or ''}
  end
  redis.call('HSET', KEYS[1], 'past', ARGV[7])
end
redis.call('HSET', KEYS[1], 'v', ARGV[1], 'log', ARGV[2], 'since', ARGV[3], 'changed', ARGV[4], 'now', ARGV[5])
redis.call('EXPIRE', KEYS[1], ARGV[6])
return {'written'}
";

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// A file that the config names cannot be read.
    #[error("cannot read `{}` ({key}): {source}", path.display())]
    Unreadable {
        /// The key of the config.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The server refused, or is not there.
    #[error("{source}: {}", remedy(source))]
    Redis {
        /// What the client said.
        #[from]
        source: RedisError,
    },
    /// Not connected yet, or not any more.
    #[error("not connected to `features.redis.urls`: it is tried again and again")]
    Away,
}

/// What to do about an error.
fn remedy(error: &RedisError) -> &'static str {
    match error.kind() {
        ErrorKind::AuthenticationFailed => "check `features.redis.username` and `.password_file`",
        ErrorKind::Server(ServerErrorKind::NoPerm) => {
            "this user may not do that: allow hmget, hset, expire, del, evalsha, eval and script|load on the prefix"
        }
        ErrorKind::InvalidClientConfig => "check `features.redis.urls`",
        _ if error.to_string().contains("NOAUTH") => "it wants a password: give one by `features.redis.password_file`",
        _ if error.to_string().contains("cluster support disabled") => {
            "that server is no cluster: set `features.redis.cluster: false`"
        }
        _ if error.to_string().contains("MOVED") => {
            "that server is part of a cluster: set `features.redis.cluster: true`"
        }
        _ => "check `features.redis.urls`, that the server runs, and the network",
    }
}

/// What came of writing a profile.
#[derive(Debug, PartialEq, Eq)]
pub enum Put {
    /// It is there.
    Written,
    /// What is there is as new, or newer.
    Known,
    /// A later version of the layout is there; it is left alone.
    Newer,
    /// Another generation is there, and is to be merged first.
    Merge(Other),
}

/// Another generation of a profile.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Other {
    pub log: String,
    pub since: String,
    pub changed: String,
    pub now: String,
    pub past: String,
}

/// A profile on its way.
#[derive(Debug)]
pub struct Parcel<'a> {
    pub version: u32,
    pub log: &'a str,
    pub since: u64,
    pub changed: u64,
    pub now: &'a str,
    pub expire_s: i64,
    /// What was seen there before, and the past merged with it.
    pub over: Option<(&'a Other, &'a str)>,
}

/// A connection, shared by all who clone it; requests are pipelined.
#[derive(Clone)]
enum Wire {
    One(ConnectionManager),
    Cluster(ClusterConnection),
}

impl ConnectionLike for Wire {
    fn req_packed_command<'a>(&'a mut self, cmd: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::One(wire) => wire.req_packed_command(cmd),
            Self::Cluster(wire) => wire.req_packed_command(cmd),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::One(wire) => wire.req_packed_commands(pipeline, offset, count),
            Self::Cluster(wire) => wire.req_packed_commands(pipeline, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::One(wire) => wire.get_db(),
            Self::Cluster(wire) => wire.get_db(),
        }
    }
}

/// The way to the server, made in the background: nobody waits for it to be there.
pub struct Link {
    wire: Arc<ArcSwapOption<Wire>>,
    connecting: JoinHandle<()>,
    write: Script,
}

impl Link {
    /// A link whose answers may take as long as `patience`.
    ///
    /// # Errors
    /// [`LinkError`] when the config cannot be used; a server that is away is none.
    pub fn open(config: &Redis, patience: Duration) -> Result<Self, LinkError> {
        // Clients of several libraries look for the process's provider; the first one in is as good as another.
        let _ = ring::default_provider().install_default();
        let maker = Maker::new(config, patience)?;
        let wire = Arc::new(ArcSwapOption::empty());
        let connecting = tokio::spawn(maker.make(Arc::clone(&wire)));
        Ok(Self { wire, connecting, write: Script::new(WRITE) })
    }

    fn wire(&self) -> Result<Wire, LinkError> {
        self.wire.load().as_deref().cloned().ok_or(LinkError::Away)
    }

    /// The [`FIELDS`] of a shopper's key.
    pub async fn read(&self, key: &str) -> Result<[Option<String>; 5], LinkError> {
        let fields: Vec<Option<String>> = cmd("HMGET").arg(key).arg(&FIELDS).query_async(&mut self.wire()?).await?;
        let mut fields = fields.into_iter();
        Ok(std::array::from_fn(|_| fields.next().flatten()))
    }

    /// Writes a profile; see [`WRITE`].
    pub async fn put(&self, key: &str, parcel: &Parcel<'_>) -> Result<Put, LinkError> {
        let none = (&Other::default(), "");
        let (seen, past) = parcel.over.unwrap_or(none);
        let mut call = self.write.key(key);
        call.arg(parcel.version).arg(parcel.log).arg(parcel.since).arg(parcel.changed).arg(parcel.now);
        call.arg(parcel.expire_s).arg(past).arg(&seen.log).arg(&seen.since).arg(&seen.changed);
        let said: Vec<String> = call.invoke_async(&mut self.wire()?).await?;
        let mut said = said.into_iter();
        Ok(match said.next().as_deref() {
            Some("written") => Put::Written,
            Some("newer") => Put::Newer,
            Some("merge") => {
                let mut next = || said.next().unwrap_or_default();
                Put::Merge(Other { log: next(), since: next(), changed: next(), now: next(), past: next() })
            }
            _ => Put::Known,
        })
    }

    /// Deletes a key.
    pub async fn delete(&self, key: &str) -> Result<(), LinkError> {
        Ok(cmd("DEL").arg(key).query_async(&mut self.wire()?).await?)
    }

    /// The writer's mark: whose it is, and up to which change all is written.
    pub async fn mark(&self, key: &str) -> Result<Option<(String, u64)>, LinkError> {
        let mark: (Option<String>, Option<u64>) =
            cmd("HMGET").arg(key).arg("log").arg("changed").query_async(&mut self.wire()?).await?;
        Ok(mark.0.zip(mark.1))
    }

    /// Sets the writer's mark.
    pub async fn set_mark(&self, key: &str, log: &str, changed: u64) -> Result<(), LinkError> {
        let mut set = cmd("HSET");
        set.arg(key).arg("log").arg(log).arg("changed").arg(changed);
        Ok(set.query_async(&mut self.wire()?).await?)
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.connecting.abort();
    }
}

enum Maker {
    One(Client, ConnectionManagerConfig),
    Cluster(ClusterClient),
}

impl Maker {
    fn new(config: &Redis, patience: Duration) -> Result<Self, LinkError> {
        let read = |key, path: &Option<PathBuf>| {
            let read = path
                .as_ref()
                .map(|path| fs::read(path).map_err(|source| LinkError::Unreadable { key, path: path.clone(), source }));
            read.transpose()
        };
        let root_cert = read("features.redis.ca_file", &config.ca_file)?;
        let password = read("features.redis.password_file", &config.password_file)?;
        let password = password.map(|bytes| String::from_utf8_lossy(&bytes).trim_end().to_owned());
        let is_tls = config.urls.iter().any(|url| url.starts_with("rediss:"));
        let tls = is_tls.then_some(TlsCertificates { client_tls: None, root_cert });
        let mut nodes = Vec::new();
        for url in &config.urls {
            let info: ConnectionInfo = url.as_str().into_connection_info()?;
            let mut settings = info.redis_settings().clone();
            if let Some(name) = &config.username {
                settings = settings.set_username(name);
            }
            if let Some(password) = &password {
                settings = settings.set_password(password);
            }
            nodes.push(info.set_redis_settings(settings));
        }
        if config.cluster {
            let builder = ClusterClient::builder(nodes).connection_timeout(CONNECT_TIMEOUT).response_timeout(patience);
            let builder = builder.retries(RETRIES as u32);
            let builder = if let Some(tls) = tls { builder.certs(tls) } else { builder };
            return Ok(Self::Cluster(builder.build()?));
        }
        let first = nodes.into_iter().next().ok_or(LinkError::Away)?;
        let config = ConnectionManagerConfig::new()
            .set_number_of_retries(RETRIES)
            .set_max_delay(LONGEST_PAUSE)
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(patience));
        let client = if let Some(tls) = tls { Client::build_with_tls(first, tls)? } else { Client::open(first)? };
        Ok(Self::One(client, config))
    }

    /// Tries until there is a connection, which from then on looks after itself.
    async fn make(self, wire: Arc<ArcSwapOption<Wire>>) {
        let mut pause = FIRST_PAUSE;
        loop {
            let made = match &self {
                Self::One(client, config) => {
                    ConnectionManager::new_with_config(client.clone(), config.clone()).await.map(Wire::One)
                }
                Self::Cluster(client) => client.get_async_connection().await.map(Wire::Cluster),
            };
            match made {
                Ok(made) => return wire.store(Some(Arc::new(made))),
                Err(error) => {
                    let error = LinkError::from(error);
                    tracing::error!(%error, "no connection to the feature store: answers know what this process knows");
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}
