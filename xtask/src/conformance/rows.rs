//! The rows of the specification, as `tests/conformance.tsv` holds them.

use anyhow::Context as _;

pub(crate) struct Checklist {
    pub(crate) areas: Vec<Area>,
}

pub(crate) struct Area {
    pub(crate) title: String,
    pub(crate) rows: Vec<Row>,
}

pub(crate) struct Row {
    pub(crate) id: String,
    pub(crate) binds: String,
    pub(crate) strength: String,
    pub(crate) status: Status,
    /// What is missing, with what it comes, or why it is out of scope; empty when due.
    pub(crate) note: String,
    pub(crate) statement: String,
    /// What is asked of our client, if the row binds clients and needs a test at all.
    pub(crate) client: Option<Client>,
}

/// What a row that binds clients asks of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Client {
    /// A test of the client.
    Due,
    /// A test of `wamp-proto`, whose functions alone decide.
    Protocol,
    /// Nothing, for that reason.
    OutOfScope(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Due,
    Partial,
    Later,
    OutOfScope,
    /// Not a requirement: an issue of the specification that rows and code cite.
    Ambiguity,
}

impl Checklist {
    pub(crate) fn parse(text: &str) -> anyhow::Result<Self> {
        let mut areas: Vec<Area> = Vec::new();
        for (index, line) in text.lines().enumerate() {
            if let Some(title) = line.strip_prefix("## ") {
                areas.push(Area { title: title.to_owned(), rows: Vec::new() });
            } else if !line.starts_with('#') && !line.is_empty() {
                let row = Row::parse(line).with_context(|| format!("line {}", index + 1))?;
                anyhow::ensure!(
                    !areas.iter().any(|area| area.rows.iter().any(|other| other.id == row.id)),
                    "line {}: {} stands there twice",
                    index + 1,
                    row.id
                );
                areas.last_mut().context("a row stands before the first `## ` area")?.rows.push(row);
            }
        }
        Ok(Self { areas })
    }

    /// Every requirement; the ambiguities are not.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &Row> {
        self.areas.iter().flat_map(|area| &area.rows).filter(|row| row.status != Status::Ambiguity)
    }

    pub(crate) fn has(&self, id: &str) -> bool {
        self.rows().any(|row| row.id == id)
    }

    /// Whether some row has this prefix: `SER` of `SER-99`.
    pub(crate) fn has_prefix(&self, prefix: &str) -> bool {
        self.rows().any(|row| row.prefix() == prefix)
    }
}

impl Row {
    fn parse(line: &str) -> anyhow::Result<Self> {
        let columns: Vec<&str> = line.split('\t').collect();
        let (columns, client) = match columns.as_slice() {
            [columns @ .., client] if columns.len() == 6 => (columns, *client),
            columns => (columns, ""),
        };
        let [id, binds, strength, status, note, statement] = columns else {
            anyhow::bail!("{} columns instead of 6 or 7; they are parted by tabs", columns.len());
        };
        let status = match *status {
            "due" => Status::Due,
            "partial" => Status::Partial,
            "later" => Status::Later,
            "out-of-scope" => Status::OutOfScope,
            "ambiguity" => Status::Ambiguity,
            other => anyhow::bail!("unknown status `{other}`"),
        };
        anyhow::ensure!(
            note.is_empty() == (status == Status::Due),
            "{id}: a due row has no note, every other row says there what is missing or why"
        );
        let may_bind_client = matches!(*binds, "C" | "RC") && status.needs_test();
        anyhow::ensure!(
            client.is_empty() || may_bind_client,
            "{id}: only rows that bind clients and are due or partial say something about ours"
        );
        let client = match client {
            "" => Client::Due,
            "wamp-proto" => Client::Protocol,
            other => match other.strip_prefix("out-of-scope: ") {
                Some(reason) => Client::OutOfScope(reason.to_owned()),
                None => anyhow::bail!("{id}: unknown words about the client: `{other}`"),
            },
        };
        anyhow::ensure!(
            *binds != "C" || !matches!(client, Client::OutOfScope(_)),
            "{id} binds nobody but clients: its status says that it is out of scope"
        );
        Ok(Self {
            client: may_bind_client.then_some(client),
            id: (*id).to_owned(),
            binds: (*binds).to_owned(),
            strength: (*strength).to_owned(),
            status,
            note: (*note).to_owned(),
            statement: (*statement).to_owned(),
        })
    }

    pub(crate) fn prefix(&self) -> &str {
        self.id.rsplit_once('-').map_or(self.id.as_str(), |(prefix, _)| prefix)
    }
}

impl Status {
    pub(crate) fn needs_test(self) -> bool {
        matches!(self, Self::Due | Self::Partial)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        Checklist::parse(text).err().map(|error| format!("{error:#}")).unwrap_or_default()
    }

    #[test]
    fn a_later_row_must_say_when_it_comes() {
        assert!(refusal("## a\nURI-01\tR\tMUST\tlater\t\twords\n").contains("URI-01"));
    }

    #[test]
    fn a_row_stands_once() {
        let row = "URI-01\tR\tMUST\tdue\t\twords\n";
        assert!(refusal(&format!("## a\n{row}{row}")).contains("line 3: URI-01 stands there twice"));
    }

    #[test]
    fn only_rows_that_bind_clients_say_what_is_asked_of_ours() {
        let client_of = |row: &str| {
            let checklist = Checklist::parse(&format!("## a\n{row}\n")).unwrap();
            checklist.rows().next().unwrap().client.clone()
        };
        assert_eq!(client_of("URI-01\tRC\tMUST\tdue\t\twords"), Some(Client::Due));
        assert_eq!(client_of("URI-01\tC\tMUST\tdue\t\twords\twamp-proto"), Some(Client::Protocol));
        let reason = Client::OutOfScope("no such transport".to_owned());
        let row = "URI-01\tRC\tMUST\tdue\t\twords\tout-of-scope: no such transport";
        assert_eq!(client_of(row), Some(reason));
        assert_eq!(client_of("URI-01\tR\tMUST\tdue\t\twords"), None);
        assert_eq!(client_of("URI-01\tC\tMUST\tlater\tsoon\twords"), None);
        assert!(refusal("## a\nURI-01\tR\tMUST\tdue\t\twords\twamp-proto\n").contains("URI-01"));
        assert!(refusal("## a\nURI-01\tC\tMUST\tdue\t\twords\tsomeday\n").contains("someday"));
    }

    #[test]
    fn a_missing_column_is_named_with_its_line() {
        assert!(refusal("## a\nURI-01\tR\tMUST\tdue\twords\n").contains("line 2"));
    }
}
