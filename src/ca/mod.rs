//! The certificate authority of the process: created in memory, never written unless a test exports it.

mod leaf;
mod trust;

pub(crate) use leaf::{Leaves, config_of};

use once_cell::sync::OnceCell;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose};
use std::sync::Arc;

/// A root that only this process knows, and the leaves that it has signed.
pub(crate) struct CertificateAuthority {
    root: CertifiedIssuer<'static, KeyPair>,
    leaves: Leaves,
}

impl CertificateAuthority {
    /// Returns the authority of this process, created at first use.
    pub(crate) fn of_process() -> Result<Arc<Self>, rcgen::Error> {
        static OF_PROCESS: OnceCell<Arc<CertificateAuthority>> = OnceCell::new();
        OF_PROCESS.get_or_try_init(|| Self::new().map(Arc::new)).cloned()
    }

    pub(crate) fn new() -> Result<Self, rcgen::Error> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name.push(DnType::CommonName, format!("Holdup test CA of process {}", std::process::id()));
        (params.not_before, params.not_after) = leaf::validity(7);
        let root = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        Ok(Self { root, leaves: Leaves::new()? })
    }
}

impl std::fmt::Debug for CertificateAuthority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CertificateAuthority").finish_non_exhaustive()
    }
}
