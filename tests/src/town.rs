//! A town with a whole set of authorities, told over HTTP.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::client::Client;
use crate::server::{Server, key};

/// The reasons a version of the town's strategy is adopted in spite of rows that warn.
fn reasons() -> Value {
    let rules = [
        "R-14.1", "R-31.1", "R-44.2", "R-46.1", "R-45.1", "R-19.6", "L-6",
    ];
    rules
        .iter()
        .map(|rule| json!({ "rule": rule, "reason": "a test has its reasons" }))
        .collect()
}

/// A town: an area, its authorities with a key each, and a formed partnership.
pub struct Town {
    /// The area's id.
    pub area: String,
    /// The partnership's id.
    pub partnership: String,
    /// The authorities' ids by a short name.
    pub ids: BTreeMap<String, String>,
    /// The authorities' clients by the same name.
    pub clients: BTreeMap<String, Client>,
    /// The partnership's coordinator.
    pub coordinator: Client,
    /// The operator.
    pub operator: Client,
}

/// The specified authorities of an English town.
const SPECIFIED: &[(&str, &str)] = &[
    ("police", "chief_officer_of_police"),
    ("probation", "probation_provider"),
    ("youth", "youth_offending_team"),
    ("fire", "fire_and_rescue_authority"),
    ("health", "integrated_care_board"),
    ("council", "local_authority"),
];
/// Its other authorities.
const OTHERS: &[(&str, &str)] = &[
    ("school", "educational_authority"),
    ("college", "educational_authority"),
    ("prison", "prison_authority"),
    ("commissioner", "local_policing_body"),
];

impl Town {
    /// Registers a town's area and authorities, and forms its partnership.
    ///
    /// # Panics
    /// When a command is refused.
    #[must_use]
    pub fn found(server: &Server, name: &str) -> Self {
        let operator = server.operator();
        let mut area = json!({ "country": "england", "kind": "district", "name": name });
        area = json!({ "occurred_on": "2023-01-31", "particulars": area });
        let area = operator.post("/v1/areas", &area).stream();
        let (mut ids, mut clients) = (BTreeMap::new(), BTreeMap::new());
        for (short, capacity) in SPECIFIED.iter().chain(OTHERS) {
            let body = json!({ "occurred_on": "2023-01-31", "particulars": {
                "body": format!("{name} {short}"), "capacity": capacity } });
            let id = operator.post("/v1/authorities", &body).stream();
            let kind = if *short == "commissioner" {
                "local_policing_body"
            } else {
                "authority"
            };
            let secret = key(&operator, kind, Some(&id));
            clients.insert((*short).to_owned(), server.client(&secret));
            ids.insert((*short).to_owned(), id);
        }
        let rows: Vec<_> = ids
            .values()
            .map(|id| json!({ "authority": id, "from": "2023-01-31" }))
            .collect();
        let body = json!({ "occurred_on": "2023-01-31", "particulars": { "authorities": rows } });
        let _ = operator
            .post(&format!("/v1/areas/{area}/authorities"), &body)
            .ok();

        let police: &Client = &clients["police"];
        let proposed = json!({ "occurred_on": "2023-02-01", "particulars": {
            "name": format!("{name} partnership"), "route": "community_safety_partnership",
            "areas": [area] } });
        let partnership = police.post("/v1/partnerships", &proposed).stream();
        let path = format!("/v1/partnerships/{partnership}");
        for (short, _) in SPECIFIED {
            let body = json!({ "occurred_on": "2023-02-02", "particulars": {
                "authority": ids[*short], "on_matter": { "matter": "formation" },
                "position": "agree" } });
            let _ = clients[*short]
                .post(&format!("{path}/positions"), &body)
                .ok();
        }
        let formed = json!({ "occurred_on": "2023-02-03", "particulars": {} });
        let _ = police.post(&format!("{path}/formation"), &formed).ok();
        let relevant = ["school", "college", "prison"];
        let listed: Vec<_> = relevant.iter().map(|short| &ids[*short]).collect();
        let list = json!({ "occurred_on": "2023-02-05", "particulars": { "authorities": listed } });
        let _ = police
            .post(&format!("{path}/consultation-lists"), &list)
            .ok();
        let coordinator = server.client(&key(&operator, "coordinator", Some(&partnership)));
        Self {
            area,
            partnership,
            ids,
            clients,
            coordinator,
            operator,
        }
    }

    /// A member's or authority's client.
    #[must_use]
    pub fn client(&self, short: &str) -> &Client {
        &self.clients[short]
    }

    /// The ids of the relevant authorities.
    #[must_use]
    pub fn relevant(&self) -> Vec<&str> {
        ["school", "college", "prison"]
            .iter()
            .map(|short| self.ids[*short].as_str())
            .collect()
    }

    /// Drafts a strategy with kinds and causes on a date.
    ///
    /// # Panics
    /// When a command is refused.
    #[must_use]
    pub fn draft(&self, on: &str) -> String {
        let police = self.client("police");
        let body = json!({ "occurred_on": on, "particulars": {
            "partnership": self.partnership, "title": "A strategy",
            "bases": { "section_8": true, "section_9": false,
                       "crime_and_disorder_act_section_6": false } } });
        let strategy = police.post("/v1/strategies", &body).stream();
        let path = format!("/v1/strategies/{strategy}");
        let kinds = json!({ "occurred_on": on, "particulars": { "version": 1,
            "kinds": [{ "category": "knife_crime" }] } });
        let _ = police.post(&format!("{path}/kinds"), &kinds).ok();
        let causes = json!({ "occurred_on": on, "particulars": { "version": 1,
            "causes": [{ "description": "Few places to go in the evening" }] } });
        let _ = police.post(&format!("{path}/causes"), &causes).ok();
        strategy
    }

    /// Consults every relevant authority on a version.
    ///
    /// # Panics
    /// When the command is refused.
    pub fn consult(&self, strategy: &str, version: u32, on: &str) {
        let body = json!({ "occurred_on": on, "particulars": {
            "version": version, "authorities": self.relevant() } });
        let path = format!("/v1/strategies/{strategy}/consultees");
        let _ = self.client("council").post(&path, &body).ok();
    }

    /// Records every specified authority's agreement to a version.
    ///
    /// # Panics
    /// When a command is refused.
    pub fn agree(&self, strategy: &str, version: u32, on: &str) {
        for (short, _) in SPECIFIED {
            let body = json!({ "occurred_on": on, "particulars": {
                "version": version, "authority": self.ids[*short], "position": "agree" } });
            let path = format!("/v1/strategies/{strategy}/positions");
            let _ = self.client(short).post(&path, &body).ok();
        }
    }

    /// The command that adopts a version, with reasons for every row that warns.
    #[must_use]
    pub fn adoption(version: u32, on: &str) -> Value {
        json!({ "occurred_on": on, "reasons": reasons(), "particulars": { "version": version } })
    }

    /// A strategy adopted on a date.
    ///
    /// # Panics
    /// When a command is refused.
    #[must_use]
    pub fn adopted(&self, on: &str) -> String {
        let strategy = self.draft(on);
        self.consult(&strategy, 1, on);
        self.agree(&strategy, 1, on);
        let path = format!("/v1/strategies/{strategy}/adoptions");
        let _ = self.client("fire").post(&path, &Self::adoption(1, on)).ok();
        strategy
    }
}
