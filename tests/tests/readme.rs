//! What the README promises a stranger.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use dutyledger_tests::{program, repository};
use serde_json::Value;

/// The demo, ended when this goes.
struct Demo(Child);

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn demo() -> (Demo, Value) {
    let mut child = Command::new(program())
        .args(["--json", "demo", "--listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let stdout = child.stdout.take().unwrap();
    BufReader::new(stdout).read_line(&mut line).unwrap();
    let told = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"));
    (Demo(child), told)
}

fn readme() -> String {
    std::fs::read_to_string(repository().join("README.md")).unwrap()
}

#[test]
fn the_six_curl_lines_work_against_the_demo() {
    let readme = readme();
    let (_, after) = readme.split_once("<!-- The tests run these lines").unwrap();
    let (_, block) = after.split_once("```sh\n").unwrap();
    let (block, _) = block.split_once("```").unwrap();
    let lines: Vec<_> = block
        .lines()
        .filter(|line| line.starts_with("curl "))
        .collect();
    assert_eq!(lines.len(), 6);
    let (_demo, told) = demo();
    for line in lines {
        let mut shell = Command::new("bash");
        shell
            .args(["-c", line])
            .env("URL", told["address"].as_str().unwrap());
        for (name, key) in told["keys"].as_object().unwrap() {
            shell.env(name, key.as_str().unwrap());
        }
        let ran = shell
            .output()
            .expect("bash and curl are installed: see ops/test");
        let said = String::from_utf8(ran.stdout).unwrap();
        assert!(
            ran.status.success(),
            "{line}: {}",
            String::from_utf8_lossy(&ran.stderr)
        );
        let answer: Value = serde_json::from_str(&said).unwrap_or_else(|e| panic!("{line}: {e}"));
        assert!(
            answer["code"].is_null(),
            "{line} was answered with a problem: {answer}"
        );
    }
}

#[test]
fn of_real_bodies_nothing_is_overdue_and_nothing_adverse_is_shown() {
    let (_demo, told) = demo();
    let key = told["keys"]["AUDITOR_KEY"].as_str().unwrap();
    let auditor = dutyledger_tests::Client::new(told["address"].as_str().unwrap(), Some(key));
    let histories = told["histories"].as_array().unwrap();
    let reviews = auditor.get_now("/v1/reviews").ok();
    let of_real = |row: &Value| row["fictional"] == false;
    let overdue = reviews["data"]["overdue"].as_array().unwrap();
    assert!(
        !overdue.is_empty() && !overdue.iter().any(of_real),
        "{overdue:?}"
    );
    let unknown = reviews["data"]["not_known"].as_array().unwrap();
    assert!(
        unknown.iter().any(of_real),
        "the City's review is not known: {unknown:?}"
    );
    let triggers = auditor.get("/v1/triggers").ok();
    let fictional: Vec<_> = histories
        .iter()
        .filter(|history| history["fictional"] == true)
        .flat_map(|history| history["streams"].as_array().unwrap())
        .map(|stream| stream["id"].clone())
        .collect();
    let triggers = triggers["data"]["triggers"].as_array().unwrap();
    assert!(!triggers.is_empty());
    for trigger in triggers {
        assert!(
            fictional.contains(&trigger["partnership"]),
            "adverse of a real body: {trigger}"
        );
    }
}

#[test]
fn the_readme_names_the_two_commands_and_they_exist() {
    let readme = readme();
    for command in ["cargo run --release -- demo", "./ops/test"] {
        assert!(
            readme.lines().any(|line| line == command),
            "{command} is not a line of its own"
        );
    }
    assert!(repository().join("ops/test").exists());
    let ci = std::fs::read_to_string(repository().join(".ci/run")).unwrap();
    assert!(ci.contains("ops/test"), ".ci/run calls the tests command");
}
