use std::path::PathBuf;

use super::environment::CONFIG_VARIABLE;
use super::{ConfigErrors, Loaded, Override, load};

/// The flags shared by every command that uses the config.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct ConfigFlags {
    /// The config file [default: cross-sell-config.yaml if it exists]
    #[arg(long, value_name = "FILE", env = CONFIG_VARIABLE)]
    pub config: Option<PathBuf>,
    /// Directory of the log and all other state [config: data_dir]
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<String>,
    /// Address and port to listen on, such as 127.0.0.1:8080; port 0 takes a free one [config: server.listen]
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<String>,
}

impl ConfigFlags {
    /// Loads the config with these flags on top.
    ///
    /// # Errors
    /// As [`load()`].
    pub fn load(&self) -> Result<Loaded, ConfigErrors> {
        load(self.config.as_deref(), &self.overrides())
    }

    fn overrides(&self) -> Vec<Override> {
        let set = |key, flag, value: &Option<String>| value.clone().map(|value| Override { key, flag, value });
        [set("data_dir", "--data-dir", &self.data_dir), set("server.listen", "--listen", &self.listen)]
            .into_iter()
            .flatten()
            .collect()
    }
}
