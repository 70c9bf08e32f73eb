//! Runs the examples as a reader runs them.

use std::process::Command;

fn run(example: &str) -> String {
    let cargo = Command::new(env!("CARGO")).args(["run", "--quiet", "--example", example]).output().unwrap();
    let said = String::from_utf8_lossy(&cargo.stdout).into_owned();
    assert!(cargo.status.success(), "{said}{}", String::from_utf8_lossy(&cargo.stderr));
    said
}

#[test]
fn ajax_race() {
    assert!(run("ajax_race").ends_with("race reproduced 20 of 20; fixed page clean 20 of 20\n"));
}

#[test]
fn hotfix() {
    let said = run("hotfix");
    assert_eq!(said, "production shows \"price: undefined\"\nwith the hotfix it shows \"price: 42\"\n");
}

#[test]
fn the_teh() {
    let said = run("the_teh");
    assert_eq!(
        said.lines().filter(|line| line.ends_with("teh cat, teh dog \u{2014} and teh proxy")).count(),
        5,
        "{said}"
    );
}
