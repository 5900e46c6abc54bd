//! `sidecart init`: a config to start from.

use std::fs::OpenOptions;
use std::io::{self, ErrorKind, Write};
use std::path::PathBuf;

use anyhow::{Context, bail};

use super::DONE;
use crate::config::{self, Config, DEFAULT_FILE};

/// Write a config file with every key, its meaning and its default.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The file to write; `-` prints it
    #[arg(default_value = DEFAULT_FILE)]
    file: PathBuf,
    /// Overwrite the file if it exists
    #[arg(long)]
    force: bool,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
/// The file exists and is not to be overwritten, or cannot be written.
pub fn run(args: &Args) -> anyhow::Result<u8> {
    let text = config::render(&Config::default());
    if args.file.as_os_str() == "-" {
        io::stdout().write_all(text.as_bytes())?;
        return Ok(DONE);
    }
    let file = args.file.display();
    let mut options = OpenOptions::new();
    // `create_new` refuses in one step, so that no file can appear between a look and the write.
    let opened = match args.force {
        true => options.write(true).create(true).truncate(true).open(&args.file),
        false => options.write(true).create_new(true).open(&args.file),
    };
    match opened {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            bail!("`{file}` exists: name another file, or overwrite it by `--force`")
        }
        opened => opened
            .and_then(|mut opened| opened.write_all(text.as_bytes()))
            .with_context(|| format!("cannot write `{file}`"))?,
    }
    if args.json {
        writeln!(io::stdout(), "{}", serde_json::json!({"written": file.to_string()}))?;
    } else {
        writeln!(io::stdout(), "wrote {file}; change what you need, then `sidecart check {file}`")?;
    }
    Ok(DONE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_existing_file_is_overwritten_only_by_force() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("shop.yaml");
        let init = |force| run(&Args { file: file.clone(), force, json: false });
        assert_eq!(init(false).expect("a first file"), DONE);
        std::fs::write(&file, "# mine\n".repeat(2000)).expect("a change");
        let refused = init(false).expect_err("a second file").to_string();
        assert!(refused.ends_with("exists: name another file, or overwrite it by `--force`"), "{refused}");
        assert!(std::fs::read_to_string(&file).expect("the file").starts_with("# mine"));
        assert_eq!(init(true).expect("an overwritten file"), DONE);
        assert_eq!(std::fs::read_to_string(&file).expect("the file"), config::render(&Config::default()));
    }
}
