//! User contexts of DevTools (browser contexts).

use super::DevTools;
use crate::driver::{PROXY_BYPASS, proxy_rules};
use crate::inspector::{Fault, Window, text};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::net::SocketAddr;

impl DevTools {
    pub(in crate::inspector) async fn open(&self, proxy: SocketAddr) -> Result<Window, Fault> {
        let own = json!({
            "disposeOnDetach": true,
            "proxyServer": proxy_rules(proxy),
            "proxyBypassList": PROXY_BYPASS,
        });
        let user = self.command("Target.createBrowserContext", &own).await?;
        let user = text(&user["browserContextId"]);
        let handle = self.open_in(&user, "tab", true).await?;
        Ok(Window { user, handle })
    }

    pub(in crate::inspector) async fn open_in(
        &self,
        user: &str,
        kind: &str,
        background: bool,
    ) -> Result<String, Fault> {
        let mut window = json!({ "url": "about:blank", "browserContextId": user, "background": background });
        // Chromium opens no tab in a context that has no window yet, unless this is left out.
        if kind == "window" {
            window["newWindow"] = json!(true);
        }
        let handle = text(&self.command("Target.createTarget", &window).await?["targetId"]);
        self.until(|targets| targets.window(&handle).map(drop)).await?;
        Ok(handle)
    }

    pub(in crate::inspector) fn windows_of_others(&self, user: &str) -> BTreeSet<String> {
        self.targets.borrow().windows_of_others(user)
    }

    pub(in crate::inspector) async fn set_permission(&self, user: &str, site: &str, said: &Value) -> Result<(), Fault> {
        let (permission, setting) = (&said["descriptor"], &said["state"]);
        let params = json!({ "permission": permission, "setting": setting, "origin": site, "browserContextId": user });
        self.command("Browser.setPermission", &params).await.map(drop)
    }

    pub(in crate::inspector) async fn forget(&self, user: &str) -> Result<(), Fault> {
        self.command("Target.disposeBrowserContext", &json!({ "browserContextId": user })).await.map(drop)
    }

    pub(in crate::inspector) async fn activate(&self, window: &str) -> Result<(), Fault> {
        self.command("Target.activateTarget", &json!({ "targetId": window })).await.map(drop)
    }
}
