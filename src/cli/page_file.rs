//! A page that is written when long work is done: whether it can be is found out before.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

/// Where a page goes.
#[derive(Debug)]
pub struct PageFile(PathBuf);

impl PageFile {
    /// Refuses a file that could not be written later.
    pub fn check(path: &Path) -> anyhow::Result<Self> {
        if path.is_dir() {
            bail!("--html `{}` is a directory: name a file in it", path.display());
        }
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if !parent.is_dir() {
            bail!("--html `{}`: there is no directory `{}`: make it first", path.display(), parent.display());
        }
        Ok(Self(path.to_owned()))
    }

    /// Writes it, whatever was there before.
    pub fn write(&self, page: &str) -> anyhow::Result<()> {
        std::fs::write(&self.0, page).with_context(|| format!("cannot write `{}`", self.0.display()))?;
        eprintln!("wrote {}", self.0.display());
        Ok(())
    }
}

/// A command line that a POSIX shell takes apart into these arguments again; the program by its name alone.
pub fn command_line(mut args: impl Iterator<Item = OsString>) -> String {
    let program = args.next().map(PathBuf::from).unwrap_or_default();
    let program = program.file_name().map_or_else(|| "sidecart".into(), |name| name.to_string_lossy().into_owned());
    let args = args.map(|arg| quoted(&arg.to_string_lossy()));
    std::iter::once(program).chain(args).collect::<Vec<_>>().join(" ")
}

fn quoted(arg: &str) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || "-_./=,:@%+".contains(character);
    if !arg.is_empty() && arg.chars().all(plain) { arg.to_owned() } else { format!("'{}'", arg.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_can_be_pasted_back() {
        let args = ["/usr/bin/sidecart", "replay", "my data", "--map", "item=sku", "it's", ""].map(OsString::from);
        assert_eq!(command_line(args.into_iter()), r"sidecart replay 'my data' --map item=sku 'it'\''s' ''");
    }

    #[test]
    fn a_page_that_cannot_be_written_is_refused_before_the_work() {
        let dir = tempfile::tempdir().expect("a directory");
        let message = |path: &Path| PageFile::check(path).expect_err("refused").to_string();
        assert!(message(dir.path()).contains("is a directory"));
        assert!(message(&dir.path().join("none/page.html")).contains("there is no directory"));
        assert!(PageFile::check(Path::new("page.html")).is_ok());
    }
}
