//! Checkpoints in real object stores: one body for each behaviour, and three protocols.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::{ObjectStore, ObjectStoreExt};
use serde_json::{Value, json};
use tokio_rustls::rustls::crypto::ring;

use crate::server::Server;
use crate::shop::{Service, assert_in_time, events, metric, put_items, send, wait_until};
use crate::vault::{config, digest, files, refused};

/// How many answers are looked at, to know how long they take.
const ASKED: usize = 5;
/// The prefix that all replicas of a test share.
const PREFIX: &str = "shops/one";

/// A protocol: the service that speaks it, and what has to be said to be let in there.
struct Protocol {
    service: &'static str,
    scheme: &'static str,
    /// Under which names the service's script prints its address and what is there.
    endpoint: &'static str,
    bucket: &'static str,
    /// What the script prints for the environment of whoever may come in.
    credentials: &'static [&'static str],
    /// One of these, and what somebody has there who may not.
    stranger: fn(&Service) -> (&'static str, String),
    /// More for the config.
    more: &'static str,
    /// What a stranger is told, and who asks for a bucket that is not there.
    unknown: &'static str,
    missing: &'static str,
    client: fn(&Store) -> Arc<dyn ObjectStore>,
}

const S3: Protocol = Protocol {
    service: "s3",
    scheme: "s3",
    endpoint: "S3_ENDPOINT",
    bucket: "S3_BUCKET",
    credentials: &["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"],
    stranger: |_| ("AWS_SECRET_ACCESS_KEY", "guessed".into()),
    more: ", encryption: aes256",
    unknown: "the store does not know these credentials: check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    missing: "does the bucket exist, and is it in the region that is configured?",
    client: |store| {
        let builder = AmazonS3Builder::new().with_endpoint(store.fact("S3_ENDPOINT")).with_allow_http(true);
        let builder = builder.with_bucket_name(store.fact("S3_BUCKET")).with_region(store.fact("AWS_REGION"));
        let builder = builder.with_access_key_id(store.fact("AWS_ACCESS_KEY_ID"));
        Arc::new(builder.with_secret_access_key(store.fact("AWS_SECRET_ACCESS_KEY")).build().expect("a client"))
    },
};

const AZURE: Protocol = Protocol {
    service: "azure",
    scheme: "az",
    endpoint: "AZURE_ENDPOINT",
    bucket: "AZURE_CONTAINER",
    credentials: &["AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_ACCOUNT_KEY"],
    stranger: |_| ("AZURE_STORAGE_ACCOUNT_KEY", "Z3Vlc3NlZA==".into()),
    more: "",
    unknown: "the store does not know these credentials: check AZURE_STORAGE_ACCOUNT_NAME",
    missing: "does the container exist, and in this account?",
    client: |store| {
        let builder = MicrosoftAzureBuilder::new().with_endpoint(store.fact("AZURE_ENDPOINT")).with_allow_http(true);
        let builder = builder.with_container_name(store.fact("AZURE_CONTAINER"));
        let builder = builder.with_account(store.fact("AZURE_STORAGE_ACCOUNT_NAME"));
        Arc::new(builder.with_access_key(store.fact("AZURE_STORAGE_ACCOUNT_KEY")).build().expect("a client"))
    },
};

const GOOGLE: Protocol = Protocol {
    service: "gcs",
    scheme: "gs",
    endpoint: "GCS_ENDPOINT",
    bucket: "GCS_BUCKET",
    credentials: &["GOOGLE_SERVICE_ACCOUNT"],
    stranger: |service| ("GOOGLE_SERVICE_ACCOUNT", service.fact("GCS_STRANGER").into()),
    more: "",
    unknown: "the store does not know these credentials: check GOOGLE_SERVICE_ACCOUNT",
    missing: "does the bucket exist? Sidecart makes none",
    client: |store| {
        let builder = GoogleCloudStorageBuilder::new().with_base_url(&store.fact("GCS_ENDPOINT"));
        let builder = builder.with_bucket_name(store.fact("GCS_BUCKET"));
        Arc::new(builder.with_service_account_path(store.fact("GOOGLE_SERVICE_ACCOUNT")).build().expect("a client"))
    },
};

macro_rules! on_each {
    ($($behaviour:ident)+) => {$(
        mod $behaviour {
            #[test]
            #[ignore = "needs a server that speaks the S3 protocol (scripts/services/s3 starts one): run by scripts/test-services"]
            fn on_s3() {
                super::$behaviour(&super::Store::start(&super::S3));
            }

            #[test]
            #[ignore = "needs a server that speaks the Azure Blob protocol (scripts/services/azure starts one): run by scripts/test-services"]
            fn on_azure() {
                super::$behaviour(&super::Store::start(&super::AZURE));
            }

            #[test]
            #[ignore = "needs a server that speaks Google Cloud Storage's XML protocol (scripts/services/gcs starts one): run by scripts/test-services"]
            fn on_google() {
                super::$behaviour(&super::Store::start(&super::GOOGLE));
            }
        }
    )+};
}

on_each! {
    a_replica_restores_what_another_uploaded_whatever_was_frozen_or_killed
    a_stranger_and_who_asks_for_a_bucket_that_is_not_there_are_told_what_to_do
    after_an_erasure_nothing_from_before_is_there_and_a_new_replica_does_not_know_the_shopper
}

/// A store of one protocol, for one test.
struct Store {
    protocol: &'static Protocol,
    service: Service,
}

impl Store {
    fn start(protocol: &'static Protocol) -> Self {
        Self { protocol, service: Service::start(protocol.service, &[]) }
    }

    fn fact(&self, name: &str) -> String {
        self.service.fact(name).to_owned()
    }

    fn config(&self) -> String {
        let Protocol { scheme, endpoint, bucket, more, .. } = self.protocol;
        let more = format!(", endpoint: '{}'{more}", self.fact(endpoint));
        config(&format!("{scheme}://{}/{PREFIX}", self.fact(bucket)), &more)
    }

    /// The environment of whoever may come in.
    fn keys(&self) -> Vec<(&str, &str)> {
        self.protocol.credentials.iter().map(|name| (*name, self.service.fact(name))).collect()
    }

    fn replica(&self, dir: &Path) -> Server {
        Server::start_with_variables(dir, &self.config(), &self.keys())
    }

    /// Names below the prefix and what is in them, asked of the store itself.
    fn objects(&self) -> BTreeMap<String, Vec<u8>> {
        // The client wants the process's provider, whichever was the first.
        let _ = ring::default_provider().install_default();
        let client = (self.protocol.client)(self);
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(async {
            let mut objects = BTreeMap::new();
            for object in client.list_with_delimiter(Some(&PREFIX.into())).await.expect("listed").objects {
                let bytes = client.get(&object.location).await.expect("there").bytes().await.expect("read");
                objects.insert(object.location.to_string(), bytes.to_vec());
            }
            objects
        })
    }
}

fn uploads(server: &Server, outcome: &str) -> f64 {
    metric(server, &format!("sidecart_remote_uploads_total{{outcome=\"{outcome}\"}}"))
}

fn assert_answers_in_time(server: &Server) {
    let body = json!({"placement": "home", "sessionId": "whoever", "limit": 3});
    let took = [(); ASKED].map(|()| {
        let began = Instant::now();
        let answer = server.json("POST", "/v1/recommendations", &body);
        assert_eq!(answer.status, 200, "{}", answer.text);
        began.elapsed()
    });
    assert_in_time("answers", &took);
}

fn a_replica_restores_what_another_uploaded_whatever_was_frozen_or_killed(store: &Store) {
    let [one, two, three] = [(); 3].map(|()| tempfile::tempdir().expect("a folder"));
    let first = store.replica(one.path());
    put_items(&first, 20);
    send(&first, &events(0, 200));
    wait_until("an upload", || uploads(&first, "written") >= 1.0);

    // Frozen, the store keeps nobody waiting; killed in the middle of an upload, what was there before is there.
    store.service.tell("pause");
    for round in 1..40 {
        send(&first, &events(round, 20));
        assert_answers_in_time(&first);
    }
    wait_until("a checkpoint that is being uploaded", || {
        let newest = files(&one.path().join("checkpoints"), ".ckpt");
        newest.last().is_some_and(|path| path.to_string_lossy().contains("1000.ckpt"))
    });
    first.kill();
    store.service.tell("resume");
    let second = store.replica(two.path());
    let restored = digest(&second)["applied"].as_u64().expect("an offset");
    let name = format!("checkpoints/{restored:020}.ckpt");
    let read = |dir: &Path| std::fs::read(dir.join(&name)).expect("the checkpoint");
    assert_eq!(read(two.path()), read(one.path()));
    drop(second);

    let first = store.replica(one.path());
    let before = digest(&first);
    assert_eq!(first.stop(), Some(0));
    let third = store.replica(three.path());
    assert_eq!(digest(&third), before);
    drop(third);
    let manifests = store.objects().into_keys().filter(|name| name.ends_with(".json")).count();
    assert!((1..=3).contains(&manifests), "three are kept: {manifests}");

    store.service.tell("kill");
    let said = refused(&one.path().join("gone"), &store.config(), &store.keys());
    assert!(said.contains("check `storage.remote.url`, `.endpoint` and the network"), "{said}");
    // Who has a state goes on without the store, too.
    let first = store.replica(one.path());
    send(&first, &events(40, 20));
    wait_until("an upload that fails", || uploads(&first, "failed") >= 1.0);
    assert_answers_in_time(&first);
}

fn a_stranger_and_who_asks_for_a_bucket_that_is_not_there_are_told_what_to_do(store: &Store) {
    let dir = tempfile::tempdir().expect("a folder");
    let Protocol { unknown, missing, bucket, .. } = store.protocol;
    let (name, value) = (store.protocol.stranger)(&store.service);
    let keys = store.keys().into_iter().map(|(key, own)| (key, if key == name { &value[..] } else { own }));
    let strangers: Vec<(&str, &str)> = keys.collect();
    let said = refused(&dir.path().join("stranger"), &store.config(), &strangers);
    assert!(said.contains(unknown) && !said.contains('<'), "{said}");
    let bucket = format!("://{}", store.fact(bucket));
    let elsewhere = store.config().replace(&bucket, &format!("{bucket}-not-there"));
    let said = refused(&dir.path().join("missing"), &elsewhere, &store.keys());
    assert!(said.contains(missing) && !said.contains('<'), "{said}");

    // A replica that has a state serves it, and says the same in its log each time that it fails.
    let alone = Server::start(&dir.path().join("one"), "ranker: {learn: false}\n");
    put_items(&alone, 20);
    assert_eq!(alone.stop(), Some(0));
    let path = dir.path().join("one");
    let one = Server::start_with_variables(&path, &store.config(), &strangers);
    wait_until("a refused upload", || uploads(&one, "failed") >= 1.0);
    assert_answers_in_time(&one);
    assert_eq!(one.stop(), Some(0));
    let said = std::fs::read_to_string(path.join("server.log")).expect("its words");
    assert!(said.contains(unknown), "{said}");
    assert!(store.objects().is_empty());
    assert_eq!(store.replica(&path).stop(), Some(0));
    assert_eq!(store.objects().len(), 2, "let in, it uploads at its end what is new");
}

fn after_an_erasure_nothing_from_before_is_there_and_a_new_replica_does_not_know_the_shopper(store: &Store) {
    let [one, two, three] = [(); 3].map(|()| tempfile::tempdir().expect("a folder"));
    let first = store.replica(one.path());
    put_items(&first, 20);
    send(&first, &events(0, 200));
    let applied = digest(&first)["applied"].as_u64();
    // Of the objects, the manifests alone are JSON.
    let next = |bytes: &Vec<u8>| serde_json::from_slice::<Value>(bytes).ok()?["next"].as_u64();
    wait_until("all of it in the store", || store.objects().values().filter_map(next).max() == applied);
    let before = store.objects();
    let second = store.replica(two.path());
    assert_eq!(second.get("/v1/features/users/u1").status, 200, "known from the store");
    drop(second);

    let ordered = first.json("POST", "/v1/erasures", &json!({"userId": "u1"}));
    assert_eq!(ordered.status, 202, "{}", ordered.text);
    let path = format!("/v1/erasures/{}", ordered.json()["erasureId"].as_str().expect("an id"));
    first.await_json(&path, |erasure| erasure["status"] == "done");
    let after = store.objects();
    assert!(!after.is_empty() && before.keys().all(|name| !after.contains_key(name)), "{:?}", after.keys());
    let third = store.replica(three.path());
    assert_eq!(third.get("/v1/features/users/u1").status, 404);
    assert_eq!(third.get("/v1/features/users/u2").status, 200, "the others are known as before");
}
