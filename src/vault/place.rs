//! The place in the object store: what the vault asks of it, and nothing more.

use std::fs;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    ClientOptions, Error, ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload, RetryConfig,
    WriteMultipart,
};
use tokio_rustls::rustls::crypto::ring;

use super::error::{VaultError, credentials};
use super::leftover::{self, Leftover};
use crate::config::storage::{Encryption, Remote};

/// The longest one request may take: a part of some megabytes on a slow line.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
/// The longest a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The client's own retries of a request that failed in passing; beyond them the vault tries anew, at a slower pace.
const RETRIES: usize = 3;
/// See [`RETRIES`].
const RETRY_TIMEOUT: Duration = Duration::from_secs(20);

/// A prefix in an object store.
#[derive(Debug, Clone)]
pub struct Place {
    url: String,
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    /// The folder that it is, if it is one.
    folder: Option<PathBuf>,
}

impl Place {
    /// The place that the config names. Nothing is asked of the store yet.
    ///
    /// # Errors
    /// [`VaultError::Place`] when the config cannot be used.
    pub fn open(remote: &Remote, url: &str) -> Result<Self, VaultError> {
        // Clients of several libraries look for the process's provider; the first one in is as good as another.
        let _ = ring::default_provider().install_default();
        let wrong = |why: String| VaultError::Place { url: url.to_owned(), why };
        let (scheme, rest) = url.split_once("://").ok_or_else(|| wrong("it has no scheme".into()))?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let refused = |error: Error| wrong(format!("{error}: check {}", credentials(url)));
        let (store, prefix): (Arc<dyn ObjectStore>, &str) = match scheme {
            "file" => (Arc::new(folder(rest).map_err(wrong)?), ""),
            "s3" => (Arc::new(s3(remote, bucket).and_then(AmazonS3Builder::build).map_err(refused)?), prefix),
            "gs" => (Arc::new(google(remote, bucket).build().map_err(refused)?), prefix),
            "az" => (Arc::new(azure(remote, bucket).build().map_err(refused)?), prefix),
            other => return Err(wrong(format!("`{other}` is not known: give s3://, gs://, az:// or file://"))),
        };
        let prefix = Path::parse(prefix.trim_end_matches('/')).map_err(|error| wrong(error.to_string()))?;
        let folder = (scheme == "file").then(|| PathBuf::from(rest));
        Ok(Self { url: url.to_owned(), store, prefix, folder })
    }

    /// A place in any store.
    #[cfg(test)]
    pub fn within(store: Arc<dyn ObjectStore>, prefix: &str) -> Self {
        Self { url: format!("memory:///{prefix}"), store, prefix: Path::from(prefix), folder: None }
    }

    /// Puts an object, whatever is there: what nobody but a test does.
    #[cfg(test)]
    pub async fn overwrite(&self, name: &str, bytes: Vec<u8>) {
        self.store.put(&self.path(name), bytes.into()).await.expect("put");
    }

    /// Where it is, for messages.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Names and facts of all objects directly below the prefix, by name.
    pub async fn list(&self) -> Result<Vec<(String, ObjectMeta)>, VaultError> {
        let listed = match self.store.list_with_delimiter(Some(&self.prefix)).await {
            Ok(listed) => listed.objects,
            // A folder that nothing was put into yet.
            Err(Error::NotFound { .. }) if self.url.starts_with("file:") => Vec::new(),
            Err(error) => return Err(self.error("list", "*")(error)),
        };
        let named = |meta: ObjectMeta| Some((meta.location.filename()?.to_owned(), meta));
        let mut named: Vec<_> = listed.into_iter().filter_map(named).collect();
        named.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(named)
    }

    /// Removes what killed uploads have left of checkpoints, those of which `is_due` says so.
    pub async fn remove_leftovers(
        &self,
        is_due: impl Fn(&Leftover) -> bool + Send + 'static,
    ) -> Result<(), VaultError> {
        let Some(folder) = self.folder.clone() else { return Ok(()) };
        let remove = move || {
            let due = leftover::list(&folder)?.into_iter().filter(|leftover| is_due(leftover));
            due.into_iter().try_for_each(|leftover| leftover::remove(&leftover))
        };
        // A shared folder may hang.
        tokio::task::spawn_blocking(remove).await.map_err(|_| VaultError::Stopping)?
    }

    /// Length of an object.
    pub async fn size(&self, name: &str) -> Result<u64, VaultError> {
        Ok(self.store.head(&self.path(name)).await.map_err(self.error("look at", name))?.size)
    }

    /// Part of an object.
    pub async fn read(&self, name: &str, range: Range<u64>) -> Result<Vec<u8>, VaultError> {
        let bytes = self.store.get_range(&self.path(name), range).await.map_err(self.error("read", name))?;
        Ok(bytes.to_vec())
    }

    /// An object in parts; nobody sees it before [`WriteMultipart::finish`].
    pub async fn write(&self, name: &str, part_bytes: usize) -> Result<WriteMultipart, VaultError> {
        let upload = self.store.put_multipart(&self.path(name)).await.map_err(self.error("write", name))?;
        Ok(WriteMultipart::new_with_chunk_size(upload, part_bytes))
    }

    /// Puts a small object unless there is one of that name; `false`: there is.
    pub async fn put_new(&self, name: &str, bytes: Vec<u8>) -> Result<bool, VaultError> {
        let only_new = PutOptions::from(PutMode::Create);
        match self.store.put_opts(&self.path(name), PutPayload::from(bytes), only_new).await {
            Ok(_) => Ok(true),
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => Ok(false),
            Err(error) => Err(self.error("write", name)(error)),
        }
    }

    /// Deletes an object; one that is not there is as good as deleted.
    pub async fn delete(&self, name: &str) -> Result<(), VaultError> {
        match self.store.delete(&self.path(name)).await {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.error("delete", name)(error)),
        }
    }

    /// Puts a store's error into our words.
    pub fn error(&self, action: &'static str, object: &str) -> impl FnOnce(Error) -> VaultError {
        let (object, url) = (object.to_owned(), self.url.clone());
        move |cause| VaultError::Store { action, object, url, cause }
    }

    fn path(&self, name: &str) -> Path {
        self.prefix.clone().join(name)
    }
}

fn folder(path: &str) -> Result<LocalFileSystem, String> {
    if !path.starts_with('/') {
        return Err("a folder is named by its whole path: give `file:///` and the path".into());
    }
    fs::create_dir_all(path).map_err(|error| format!("cannot make the folder: {error}: check its rights"))?;
    let folder = LocalFileSystem::new_with_prefix(path).map_err(|error| error.to_string())?;
    Ok(folder.with_fsync(true))
}

fn s3(remote: &Remote, bucket: &str) -> Result<AmazonS3Builder, Error> {
    let mut builder = AmazonS3Builder::from_env().with_bucket_name(bucket).with_retry(retries());
    builder = builder.with_client_options(options(remote));
    if let Some(endpoint) = &remote.endpoint {
        builder = builder.with_endpoint(endpoint);
    }
    if let Some(region) = &remote.region {
        builder = builder.with_region(region);
    }
    let method = match remote.encryption {
        Encryption::Store => return Ok(builder),
        Encryption::Aes256 => "AES256",
        Encryption::Kms => "aws:kms",
    };
    let key = |name: &str| name.parse::<AmazonS3ConfigKey>();
    builder = builder.with_config(key("aws_server_side_encryption")?, method);
    match &remote.kms_key {
        Some(id) => Ok(builder.with_config(key("aws_sse_kms_key_id")?, id)),
        None => Ok(builder),
    }
}

fn google(remote: &Remote, bucket: &str) -> GoogleCloudStorageBuilder {
    let builder = GoogleCloudStorageBuilder::from_env().with_bucket_name(bucket).with_retry(retries());
    let builder = builder.with_client_options(options(remote));
    match &remote.endpoint {
        Some(endpoint) => builder.with_base_url(endpoint),
        None => builder,
    }
}

fn azure(remote: &Remote, container: &str) -> MicrosoftAzureBuilder {
    let builder = MicrosoftAzureBuilder::from_env().with_container_name(container).with_retry(retries());
    let builder = builder.with_client_options(options(remote));
    match &remote.endpoint {
        Some(endpoint) => builder.with_endpoint(endpoint.clone()),
        None => builder,
    }
}

fn retries() -> RetryConfig {
    RetryConfig { max_retries: RETRIES, retry_timeout: RETRY_TIMEOUT, ..RetryConfig::default() }
}

/// Encrypted, unless the config itself names an address without: what the environment says of it does not count.
fn options(remote: &Remote) -> ClientOptions {
    let plain = remote.endpoint.as_ref().is_some_and(|endpoint| endpoint.starts_with("http://"));
    let options = ClientOptions::new().with_timeout(REQUEST_TIMEOUT).with_connect_timeout(CONNECT_TIMEOUT);
    options.with_allow_http(plain)
}
