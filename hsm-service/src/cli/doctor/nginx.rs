//! Checks of nginx: whether its workers, and a binary that replaces it, get the environment.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::Check;

const NAME: &str = "nginx";

/// The deepest nesting of `include` that is followed.
const MAX_DEPTH: u32 = 8;

/// nginx takes all variables out of the environment but those that `env` names.
pub(super) fn checks(conf: Option<&Path>) -> Vec<Check> {
    let needed: Vec<String> = env::vars()
        .map(|(name, _)| name)
        .filter(|name| name.starts_with("KEYWARD_") || name.starts_with("OPENSSL_"))
        .collect();
    let Some(conf) = conf.map(Path::to_owned).or_else(installed_configuration) else {
        return vec![Check::note(NAME, "it is not installed here")];
    };
    let directives = match directives(&conf, MAX_DEPTH) {
        Ok(directives) => directives,
        Err(error) => {
            let finding = format!("cannot read {}: {error}", conf.display());
            return vec![Check::problem(NAME, finding, "check the path and its permissions")];
        }
    };
    vec![environment_check(&conf, &directives, needed)]
}

fn environment_check(conf: &Path, directives: &[String], mut needed: Vec<String>) -> Check {
    needed.retain(|name| !passes(directives, name));
    needed.sort();
    if needed.is_empty() {
        let finding = format!("{} passes the variables that are set here", conf.display());
        return Check::ok(NAME, finding);
    }
    let lines: Vec<String> = needed.iter().map(|name| format!("env {name};")).collect();
    Check::problem(
        NAME,
        format!(
            "{} does not pass {}, so a binary upgrade (USR2) and re-read settings lose it",
            conf.display(),
            needed.join(", ")
        ),
        format!("put this at its top, outside of any block:\n{}", lines.join("\n")),
    )
}

/// Whether a directive `env NAME` or `env NAME=value` is there.
fn passes(directives: &[String], name: &str) -> bool {
    directives.iter().any(|directive| {
        let mut words = directive.split_whitespace();
        words.next() == Some("env")
            && words.next().is_some_and(|word| word.split('=').next() == Some(name))
    })
}

/// The configuration file that was compiled into nginx.
fn installed_configuration() -> Option<PathBuf> {
    let programs = ["nginx", "/usr/sbin/nginx", "/usr/local/nginx/sbin/nginx"];
    let output =
        programs.iter().find_map(|program| Command::new(program).arg("-V").output().ok())?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let path = text.split_whitespace().find_map(|word| word.strip_prefix("--conf-path="))?;
    Some(path.into())
}

/// The simple directives outside of blocks, those of included files too.
fn directives(path: &Path, depth: u32) -> std::io::Result<Vec<String>> {
    let text = fs::read_to_string(path)?;
    let mut found = Vec::new();
    for directive in top_level(&text) {
        match directive.strip_prefix("include ") {
            Some(pattern) if depth > 0 => {
                for file in matching(path, pattern.trim()) {
                    found.extend(directives(&file, depth - 1).unwrap_or_default());
                }
            }
            _ => found.push(directive),
        }
    }
    Ok(found)
}

/// The directives of a configuration text that stand outside of blocks.
fn top_level(text: &str) -> Vec<String> {
    let uncommented: String = text
        .lines()
        .map(|line| line.split('#').next().unwrap_or_default())
        .fold(String::new(), |all, line| all + line + "\n");
    let mut directives = Vec::new();
    let mut current = String::new();
    let mut depth = 0_u32;
    for character in uncommented.chars() {
        match character {
            '{' => depth += 1,
            '}' => {
                depth = depth.saturating_sub(1);
                current.clear();
            }
            ';' if depth == 0 => directives.push(std::mem::take(&mut current).trim().to_owned()),
            ';' => current.clear(),
            other => current.push(other),
        }
    }
    directives
}

/// The files that an `include` means; a star may stand in the last part of the path.
fn matching(conf: &Path, pattern: &str) -> Vec<PathBuf> {
    let base = conf.parent().unwrap_or(Path::new("/"));
    let path = base.join(pattern.trim_matches('"'));
    let (Some(folder), Some(name)) = (path.parent(), path.file_name().and_then(|n| n.to_str()))
    else {
        return Vec::new();
    };
    let Some((start, end)) = name.split_once('*') else { return vec![path] };
    let fits = |name: &str| {
        name.len() >= start.len() + end.len() && name.starts_with(start) && name.ends_with(end)
    };
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_name().to_str().is_some_and(fits))
        .map(|entry| entry.path())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_env_lines_outside_of_blocks_count() {
        let text = "user www-data; # env OPENSSL_CONF;\nenv KEYWARD_ADDRESS=unix:/run/x;\n\
                    events { worker_connections 9; }\nhttp { server { env OPENSSL_CONF; } }\n";
        let found = top_level(text);
        assert!(passes(&found, "KEYWARD_ADDRESS"));
        assert!(!passes(&found, "OPENSSL_CONF"));
        let check = environment_check(Path::new("n"), &found, vec!["OPENSSL_CONF".into()]);
        assert_eq!(check.state, super::super::State::Problem);
        assert!(check.advice.unwrap().contains("env OPENSSL_CONF;"));
    }
}
