//! The proxy of a command: how it listens, and how it reaches its servers.

use crate::commands::{Fault, Listen};
use crate::{mode, rule};
use holdup::{Config, Mitm};
use std::net::ToSocketAddrs;

/// Starts the proxy.
pub(crate) async fn start(listen: &Listen) -> Result<Mitm, Fault> {
    if let Some(wrong) = mode::wrong(&listen.modes) {
        return Err(wrong.into());
    }
    let mut config = Config::default().listen(listen.address).port(listen.port);
    if let Some(server) = mode::reverse(&listen.modes) {
        config = config.reverse(server);
    }
    let mitm = Mitm::start_with(config).await?;
    mitm.limit_journal(1024 * 1024 * 1024);
    let all = listen.all_insecure.then_some("*");
    rule::refusable(|| {
        listen.insecure.iter().map(String::as_str).chain(all).for_each(|host| mitm.insecure_upstream(host));
        listen.ignored.iter().for_each(|host| mitm.pass_through(host));
        listen.intercepted.iter().for_each(|host| mitm.intercept_only(host));
        mode::upstream(&listen.modes).into_iter().for_each(|proxy| mitm.upstream_proxy(proxy));
        Ok(())
    })?;
    if let Some(file) = &listen.trust {
        let failed = |why: &dyn std::fmt::Display| format!("--trust {}: {why}", file.display());
        let pem = std::fs::read_to_string(file).map_err(|error| failed(&error))?;
        mitm.trust_upstream(&pem).map_err(|failure| failed(&failure))?;
    }
    listen.certificates.iter().try_for_each(|said| certificate(&mitm, said))?;
    if let Some(file) = &listen.ca {
        std::fs::write(file, mitm.ca_pem()).map_err(|error| format!("--ca {}: {error}", file.display()))?;
    }
    listen.hosts.iter().try_for_each(|said| host(&mitm, said))?;
    Ok(mitm)
}

/// Uses a certificate: `[HOST=]FILE`.
fn certificate(mitm: &Mitm, said: &str) -> Result<(), Fault> {
    let (name, file) = said.split_once('=').unwrap_or(("*", said));
    let failed = |why: &dyn std::fmt::Display| format!("--certs {said}: {why}");
    let pem = std::fs::read_to_string(file).map_err(|error| failed(&error))?;
    let set = rule::refusable(|| {
        mitm.certificate(name, &pem, &pem);
        Ok(())
    });
    Ok(set.map_err(|why| failed(&why))?)
}

/// Serves a name from another server: `NAME=ADDRESS`.
fn host(mitm: &Mitm, said: &str) -> Result<(), Fault> {
    let (name, address) = said
        .split_once('=')
        .ok_or_else(|| format!("--host {said}: write NAME=ADDRESS, as in shop.test=127.0.0.1:3000"))?;
    let address = address.to_socket_addrs().map_err(|error| format!("--host {said}: {error}"))?.next();
    let address = address.ok_or_else(|| format!("--host {said}: the address has no number"))?;
    Ok(rule::refusable(|| {
        mitm.host(name, address);
        Ok(())
    })?)
}

/// Declares the rules of the command line.
pub(crate) fn declare(mitm: &Mitm, rules: &[String]) -> Result<(), Fault> {
    for rule in rules {
        rule::declare(mitm, rule).map_err(|why| format!("--rule {rule}: {why}"))?;
    }
    Ok(())
}

/// Stops a proxy. Fails if a recording could not be written.
pub(crate) async fn end(mitm: &Mitm) -> Result<(), Fault> {
    let written = mitm.finish_recordings().await;
    // What was held is released; nobody wants a report of what a person has left.
    drop(mitm.stop().await);
    Ok(written?)
}
