//! `[database]`: the PostgreSQL connection, its root certificates, and the pool size.

use domain::connection_url::redacted;
use store::{DatabaseSettings, DatabaseUrl};

use crate::parse::{ca_file, parsed, whole_number};
use crate::reader::Reader;

const URL: &str = "database.url";
const CA_FILE: &str = "database.ca_file";

pub(crate) fn read(reader: &mut Reader) -> Option<DatabaseSettings> {
    let url: Option<DatabaseUrl> = reader.required_secret(URL, parsed, redacted);
    let url_file = reader.secret_file(URL);
    let ca = reader.optional(CA_FILE, ca_file);
    let pool_size = reader.value("database.pool_size", "8", whole_number(1..=1000));
    let url = url?;
    let roots = match (url.ca_file(), ca) {
        (Some(_), Some(_)) => {
            reader.refuse(CA_FILE, "is set, and the URL has sslrootcert: set only one of them");
            return None;
        }
        (Some(file), None) => match ca_file(&file.to_string_lossy()) {
            Ok(roots) => roots,
            Err(reason) => {
                reader.refuse(URL, format!("has an sslrootcert that {reason}"));
                return None;
            }
        },
        (None, ca) => ca.unwrap_or_default(),
    };
    Some(DatabaseSettings {
        url,
        url_file,
        roots,
        pool_size,
    })
}
