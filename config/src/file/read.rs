//! How the values of a file become settings, and how a schema describes them: one [`Read`] for each kind of
//! value, one [`Table`] for each table. Whatever does not fit is a [`Problem`], and reading goes on.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::ops::{Range, RangeInclusive};
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use serde_json::{Map, Value, json};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::Problem;
use super::references::{Environment, resolve};
use super::secrets::Secrets;
use crate::Secret;

/// How alike two words must be for the one to be taken for a slip of the other; 1 stands for equal.
const LIKENESS: f64 = 0.8;

/// A table of a file, which becomes a `Self`.
pub(super) trait Table: Sized + 'static {
    /// What an empty table stands for.
    fn blank() -> Self;

    /// Adds every key that the table has.
    fn describe(keys: &mut Keys<Self>);
}

/// A kind of value.
pub(super) trait Read: 'static {
    /// What it becomes.
    type Setting;

    /// The setting; none if the value does not fit, which then is among the reader's problems.
    fn read(&self, item: &Item<'_>, reader: &mut Reader<'_>) -> Option<Self::Setting>;

    /// JSON Schema of the value.
    fn schema(&self) -> Value;

    /// Whether it is never shown.
    fn is_secret(&self) -> bool {
        false
    }

    /// Adds where secrets stand in a value of the file, whether or not the value fits.
    fn find_secrets(&self, value: &Spanned<DeValue<'_>>, secrets: &mut Secrets) {
        if self.is_secret() {
            secrets.add_all(value);
        }
    }
}

/// The keys of a table.
pub(super) struct Keys<T> {
    keys: Vec<Key<T>>,
}

struct Key<T> {
    name: &'static str,
    meaning: &'static str,
    is_required: bool,
    is_secret: bool,
    schema: Box<dyn Fn() -> Value>,
    read: ReadKey<T>,
    find_secrets: FindSecrets,
}

type ReadKey<T> = Box<dyn Fn(&Item<'_>, &mut T, &mut Reader<'_>)>;
type FindSecrets = Box<dyn Fn(&Spanned<DeValue<'_>>, &mut Secrets)>;

impl<T: Table> Keys<T> {
    fn of_table() -> Vec<Key<T>> {
        let mut keys = Self { keys: Vec::new() };
        T::describe(&mut keys);
        keys.keys
    }

    /// Adds a key, with what reads its value and what puts it into the settings.
    pub(super) fn optional<R: Read>(
        &mut self,
        name: &'static str,
        read: R,
        meaning: &'static str,
        set: impl Fn(&mut T, R::Setting) + 'static,
    ) {
        let read = Rc::new(read);
        // The schema of a large table is not made to read one.
        let schema = Box::new({
            let read = read.clone();
            move || read.schema()
        });
        let is_secret = read.is_secret();
        let find_secrets = Box::new({
            let read = read.clone();
            move |value: &Spanned<DeValue<'_>>, secrets: &mut Secrets| read.find_secrets(value, secrets)
        });
        let read: ReadKey<T> = Box::new(move |item, table, reader| {
            let problems = reader.problems.len();
            if let Some(setting) = read.read(item, reader) {
                set(table, setting);
            }
            reader.places.add(item, problems == reader.problems.len());
        });
        self.keys.push(Key { name, meaning, is_required: false, is_secret, schema, read, find_secrets });
    }

    /// Adds a key that must be there.
    pub(super) fn required<R: Read>(
        &mut self,
        name: &'static str,
        read: R,
        meaning: &'static str,
        set: impl Fn(&mut T, R::Setting) + 'static,
    ) {
        self.optional(name, read, meaning, set);
        if let Some(key) = self.keys.last_mut() {
            key.is_required = true;
        }
    }
}

/// A value, what it is called, and where it is.
pub(super) struct Item<'a> {
    /// What problems call it.
    name: String,
    /// Its keys and indices from the top of the file: `realms.0.name`.
    path: String,
    value: &'a Spanned<DeValue<'a>>,
}

impl Item<'_> {
    fn problem(&self, expected: &str, label: impl Into<String>) -> Problem {
        Problem::new(format!("{} must be {expected}", self.name), self.value.span(), label)
    }

    /// A value of another type than the one that was expected.
    fn wrong_type(&self, expected: &str) -> Problem {
        let found = match self.value.get_ref() {
            DeValue::String(_) => "a string",
            DeValue::Integer(_) => "an integer",
            DeValue::Float(_) => "a number with a fraction",
            DeValue::Boolean(_) => "a boolean",
            DeValue::Datetime(_) => "a date or time",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        self.problem(expected, format!("this is {found}"))
    }
}

/// Where settings stand in the file, by their path.
#[derive(Debug, Default)]
pub(super) struct Places(BTreeMap<String, Place>);

#[derive(Debug)]
struct Place {
    span: Range<usize>,
    is_understood: bool,
}

impl Places {
    fn add(&mut self, item: &Item<'_>, is_understood: bool) {
        self.0.insert(item.path.clone(), Place { span: item.value.span(), is_understood });
    }

    /// Whether the file says anything about this.
    pub(super) fn has(&self, path: &str) -> bool {
        self.0.contains_key(path)
    }

    /// Whether the file says this, and nothing about it was a problem.
    pub(super) fn has_understood(&self, path: &str) -> bool {
        self.0.get(path).is_some_and(|place| place.is_understood)
    }

    /// Where the file says this; if it does not, where it says what this is a part of.
    pub(super) fn find(&self, path: &str) -> Range<usize> {
        let mut path = path;
        loop {
            if let Some(place) = self.0.get(path) {
                return place.span.clone();
            }
            let Some((parent, _)) = path.rsplit_once('.') else { return 0..0 };
            path = parent;
        }
    }
}

/// What reading has found out so far.
pub(super) struct Reader<'a> {
    folder: &'a Path,
    environment: &'a dyn Environment,
    places: Places,
    problems: Vec<Problem>,
}

impl<'a> Reader<'a> {
    /// A reader of a file in that folder.
    pub(super) fn new(folder: &'a Path, environment: &'a dyn Environment) -> Self {
        Self { folder, environment, places: Places::default(), problems: Vec::new() }
    }

    /// Reads a whole file.
    pub(super) fn document<T: Table>(&mut self, document: &Spanned<DeTable<'_>>) -> T {
        self.table("", 0..0, document.get_ref())
    }

    /// All problems, with those that a look at the whole finds.
    pub(super) fn finish(mut self, check: impl FnOnce(&Places) -> Vec<Problem>) -> Vec<Problem> {
        self.problems.extend(check(&self.places));
        self.problems
    }

    fn table<T: Table>(&mut self, path: &str, place: Range<usize>, table: &DeTable<'_>) -> T {
        let keys = Keys::<T>::of_table();
        let mut settings = T::blank();
        for (written, value) in table {
            let name = written.get_ref().as_ref();
            let Some(key) = keys.iter().find(|key| key.name == name) else {
                self.unknown_key(path, name, written.span(), &keys);
                continue;
            };
            let path = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
            let item = Item { name: format!("`{name}`"), path, value };
            (key.read)(&item, &mut settings, self);
        }
        for key in keys.iter().filter(|key| key.is_required && !table.contains_key(key.name)) {
            let title = format!("{} without `{}`", heading(path), key.name);
            let problem = Problem::new(title, place.clone(), format!("`{}` is missing here", key.name));
            self.problems.push(problem.help(format!("`{}`: {}", key.name, key.meaning)));
        }
        settings
    }

    fn unknown_key<T>(&mut self, path: &str, name: &str, place: Range<usize>, keys: &[Key<T>]) {
        let names = || keys.iter().map(|key| key.name);
        let problem = Problem::new(format!("unknown key in {}", heading(path)), place, "not known here");
        let help = match most_alike(name, names()) {
            Some(known) => format!("did you mean `{known}`?"),
            None => format!("known here: {}", names().collect::<Vec<_>>().join(", ")),
        };
        self.problems.push(problem.help(help));
    }

    /// The string that a value is, with references followed, and whether it may be shown.
    fn string(&mut self, item: &Item<'_>, expected: &str) -> Option<(String, bool)> {
        let DeValue::String(written) = item.value.get_ref() else {
            self.problems.push(item.wrong_type(expected));
            return None;
        };
        match resolve(written, self.folder, self.environment) {
            Ok(resolved) => Some((resolved.text, !resolved.is_hidden)),
            Err(error) => {
                let problem = Problem::new(error.title, item.value.span(), error.label);
                self.problems.push(problem.help(error.help));
                None
            }
        }
    }

    /// Keeps a setting if there is one, else says what was expected.
    fn accept<S>(&mut self, setting: Option<S>, problem: impl FnOnce() -> Problem) -> Option<S> {
        if setting.is_none() {
            self.problems.push(problem());
        }
        setting
    }
}

/// What a table is called in the file: `realms.0.roles.1` is one of `[[realms.roles]]`.
fn heading(path: &str) -> String {
    if path.is_empty() {
        return "the file".to_owned();
    }
    let keys = keys_of(path);
    if path.ends_with(|last: char| last.is_ascii_digit()) {
        format!("`[[{keys}]]`")
    } else {
        format!("`[{keys}]`")
    }
}

/// The keys of a path, without indices.
fn keys_of(path: &str) -> String {
    let is_key = |part: &&str| part.parse::<usize>().is_err();
    path.split('.').filter(is_key).collect::<Vec<_>>().join(".")
}

fn most_alike<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|known| (strsim::jaro_winkler(word, known), known))
        .filter(|(likeness, _)| *likeness >= LIKENESS)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, known)| known)
}

/// Where a whole file has secrets.
pub(super) fn document_secrets<T: Table>(document: &DeTable<'_>) -> Secrets {
    let mut secrets = Secrets::default();
    table_secrets::<T>(document, &mut secrets);
    secrets
}

fn table_secrets<T: Table>(table: &DeTable<'_>, secrets: &mut Secrets) {
    let keys = Keys::<T>::of_table();
    let has_secrets = keys.iter().any(|key| key.is_secret);
    for (name, value) in table {
        match keys.iter().find(|key| key.name == name.get_ref()) {
            Some(key) => (key.find_secrets)(value, secrets),
            // Perhaps a slip for a key that is secret, or for a table that has some.
            None if has_secrets || has_table(value) => secrets.add_all(value),
            None => {}
        }
    }
}

fn has_table(value: &Spanned<DeValue<'_>>) -> bool {
    match value.get_ref() {
        DeValue::Table(_) => true,
        DeValue::Array(items) => items.iter().any(has_table),
        _ => false,
    }
}

/// The schema of a whole file.
pub(super) fn document_schema<T: Table>() -> Value {
    let Value::Object(mut schema) = table_schema::<T>() else { return Value::Null };
    schema.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
    schema.insert("title".to_owned(), json!("Configuration of a Trunkline router"));
    Value::Object(schema)
}

fn table_schema<T: Table>() -> Value {
    let keys = Keys::<T>::of_table();
    let required: Vec<_> = keys.iter().filter(|key| key.is_required).map(|key| key.name).collect();
    let mut properties = Map::new();
    for key in keys {
        let mut schema = (key.schema)();
        if let Some(schema) = schema.as_object_mut() {
            schema.insert("description".to_owned(), json!(key.meaning));
        }
        properties.insert(key.name.to_owned(), schema);
    }
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

/// A whole number in a range.
pub(super) struct Integer(pub(super) RangeInclusive<usize>);

impl Read for Integer {
    type Setting = usize;

    fn read(&self, item: &Item<'_>, reader: &mut Reader<'_>) -> Option<usize> {
        let expected = format!("an integer from {} to {}", self.0.start(), self.0.end());
        let DeValue::Integer(integer) = item.value.get_ref() else {
            reader.problems.push(item.wrong_type(&expected));
            return None;
        };
        // What no `i128` can hold is out of range, too.
        let number = i128::from_str_radix(integer.as_str(), integer.radix()).ok();
        let number = number.and_then(|number| usize::try_from(number).ok());
        let is_negative = integer.as_str().starts_with('-');
        let is_small = is_negative || number.is_some_and(|number| number < *self.0.start());
        let label = if is_small { "too small" } else { "too large" };
        reader.accept(number.filter(|number| self.0.contains(number)), || item.problem(&expected, label))
    }

    fn schema(&self) -> Value {
        json!({ "type": "integer", "minimum": self.0.start(), "maximum": self.0.end() })
    }
}

/// A whole number of milliseconds in a range.
pub(super) struct Milliseconds(pub(super) RangeInclusive<usize>);

impl Read for Milliseconds {
    type Setting = Duration;

    fn read(&self, item: &Item<'_>, reader: &mut Reader<'_>) -> Option<Duration> {
        let milliseconds = Integer(self.0.clone()).read(item, reader)?;
        Some(Duration::from_millis(milliseconds as u64))
    }

    fn schema(&self) -> Value {
        Integer(self.0.clone()).schema()
    }
}

/// A whole number of seconds in a range.
pub(super) struct Seconds(pub(super) RangeInclusive<usize>);

impl Read for Seconds {
    type Setting = Duration;

    fn read(&self, item: &Item<'_>, reader: &mut Reader<'_>) -> Option<Duration> {
        let seconds = Integer(self.0.clone()).read(item, reader)?;
        Some(Duration::from_secs(seconds as u64))
    }

    fn schema(&self) -> Value {
        Integer(self.0.clone()).schema()
    }
}

/// `true` or `false`.
pub(super) struct Boolean;

impl Read for Boolean {
    type Setting = bool;

    fn read(&self, item: &Item<'_>, reader: &mut Reader<'_>) -> Option<bool> {
        let setting = item.value.get_ref().as_bool();
        reader.accept(setting, || item.wrong_type("true or false"))
    }

    fn schema(&self) -> Value {
        json!({ "type": "boolean" })
    }
}

/// Any string.
pub(super) struct Text;

impl Read for Text {
    type Setting = String;

    fn read(&self, item: &Item<'_>, reader: &mut Reader<'_>) -> Option<String> {
        reader.string(item, "a string").map(|(text, _)| text)
    }

    fn schema(&self) -> Value {
        json!({ "type": "string" })
    }
}

/// A string that only some shapes of text fit.
pub(super) struct Shaped<S> {
    /// What it must be, with an example.
    pub(super) expected: &'static str,
    /// What a text becomes, if it fits, in a file in that folder.
    pub(super) parse: fn(&str, &Path) -> Option<S>,
}

impl<S: 'static> Read for Shaped<S> {
    type Setting = S;

    fn read(&self, item: &Item<'_>, reader: &mut Reader<'_>) -> Option<S> {
        let (text, _) = reader.string(item, self.expected)?;
        reader.accept((self.parse)(&text, reader.folder), || item.problem(self.expected, "this does not fit"))
    }

    fn schema(&self) -> Value {
        json!({ "type": "string", "minLength": 1 })
    }
}

/// A string that errors and logs show once it is used, such as a path. The content of a file could be a secret, and
/// is refused; so are control characters, of which whatever spans several lines has some.
pub(super) struct Shown<S> {
    /// What is meant to stand there: "path".
    pub(super) what: &'static str,
    /// Its shape.
    pub(super) shape: Shaped<S>,
}

impl<S: 'static> Read for Shown<S> {
    type Setting = S;

    fn read(&self, item: &Item<'_>, reader: &mut Reader<'_>) -> Option<S> {
        let Shaped { expected, parse } = self.shape;
        if item.value.get_ref().as_str().is_some_and(|written| written.starts_with("file:")) {
            let problem = item.problem(expected, "this would be the content of the file");
            reader.problems.push(problem.help(format!("write the {} itself, without `file:`", self.what)));
            return None;
        }
        let (text, _) = reader.string(item, expected)?;
        if text.contains(char::is_control) {
            reader.problems.push(item.problem(expected, "there are control characters in it"));
            return None;
        }
        reader.accept(parse(&text, reader.folder), || item.problem(expected, "this does not fit"))
    }

    fn schema(&self) -> Value {
        self.shape.schema()
    }
}

/// A string that is never shown.
pub(super) struct Hidden<S> {
    /// What it must be.
    pub(super) expected: &'static str,
    /// What a text becomes, if it fits.
    pub(super) parse: fn(&str) -> Result<S, Misfit>,
}

/// A secret that is not empty.
pub(super) const SECRET: Hidden<Secret> = Hidden {
    expected: "a secret that is not empty",
    parse: |text| match text {
        "" => Err(Misfit { label: "this is empty", help: "leave it out if there is none" }),
        _ => Ok(Secret(text.to_owned())),
    },
};

impl<S: 'static> Read for Hidden<S> {
    type Setting = S;

    fn read(&self, item: &Item<'_>, reader: &mut Reader<'_>) -> Option<S> {
        let (text, _) = reader.string(item, self.expected)?;
        let problem = |misfit: Misfit| item.problem(self.expected, misfit.label).help(misfit.help);
        (self.parse)(&text).map_err(|misfit| reader.problems.push(problem(misfit))).ok()
    }

    fn schema(&self) -> Value {
        json!({ "type": "string", "minLength": 1, "writeOnly": true })
    }

    fn is_secret(&self) -> bool {
        true
    }
}

/// One of some words.
pub(super) struct Word<S: 'static>(pub(super) &'static [(&'static str, S)]);

impl<S: Copy> Read for Word<S> {
    type Setting = S;

    fn read(&self, item: &Item<'_>, reader: &mut Reader<'_>) -> Option<S> {
        let words = || self.0.iter().map(|(word, _)| *word);
        let quoted: Vec<_> = words().map(|word| format!("{word:?}")).collect();
        let expected = format!("one of {}", quoted.join(", "));
        let (text, may_be_shown) = reader.string(item, &expected)?;
        let setting = self.0.iter().find(|(word, _)| *word == text).map(|(_, setting)| *setting);
        reader.accept(setting, || {
            let problem = item.problem(&expected, "this is another word");
            match most_alike(&text, words()).filter(|_| may_be_shown) {
                Some(word) => problem.help(format!("did you mean {word:?}?")),
                None => problem,
            }
        })
    }

    fn schema(&self) -> Value {
        let words: Vec<_> = self.0.iter().map(|(word, _)| *word).collect();
        // An editor cannot know what a reference leads to.
        json!({ "type": "string", "anyOf": [{ "enum": words }, { "pattern": "^file:|[$][{]" }] })
    }
}

/// A list, of at least so many items.
pub(super) struct List<R> {
    pub(super) item: R,
    pub(super) min: usize,
}

impl<R: Read> Read for List<R> {
    type Setting = Vec<R::Setting>;

    fn read(&self, item: &Item<'_>, reader: &mut Reader<'_>) -> Option<Self::Setting> {
        let expected = "a list";
        let DeValue::Array(values) = item.value.get_ref() else {
            let help = match item.value.get_ref() {
                DeValue::Table(_) => format!("there can be several: write `[[{}]]`", keys_of(&item.path)),
                _ => "put it in brackets".to_owned(),
            };
            reader.problems.push(item.wrong_type(expected).help(help));
            return None;
        };
        if values.len() < self.min {
            reader.problems.push(item.problem(expected, format!("at least {} expected", self.min)));
        }
        let mut settings = Vec::new();
        for value in values.iter() {
            let path = format!("{}.{}", item.path, settings.len());
            let name = format!("an item of {}", item.name);
            let item = Item { name, path, value };
            if let Some(setting) = self.item.read(&item, reader) {
                reader.places.add(&item, true);
                settings.push(setting);
            }
        }
        Some(settings)
    }

    fn schema(&self) -> Value {
        json!({ "type": "array", "items": self.item.schema(), "minItems": self.min })
    }

    fn is_secret(&self) -> bool {
        self.item.is_secret()
    }

    fn find_secrets(&self, value: &Spanned<DeValue<'_>>, secrets: &mut Secrets) {
        match value.get_ref() {
            DeValue::Array(items) => items.iter().for_each(|item| self.item.find_secrets(item, secrets)),
            _ => self.item.find_secrets(value, secrets),
        }
    }
}

/// A table within another.
pub(super) struct Nested<T>(PhantomData<T>);

/// A table within another.
pub(super) fn table<T: Table>() -> Nested<T> {
    Nested(PhantomData)
}

/// Tables of one kind: `[[name]]`.
pub(super) fn tables<T: Table>() -> List<Nested<T>> {
    List { item: table(), min: 0 }
}

impl<T: Table> Read for Nested<T> {
    type Setting = T;

    fn read(&self, item: &Item<'_>, reader: &mut Reader<'_>) -> Option<T> {
        let DeValue::Table(table) = item.value.get_ref() else {
            reader.problems.push(item.wrong_type("a table"));
            return None;
        };
        Some(reader.table(&item.path, item.value.span(), table))
    }

    fn schema(&self) -> Value {
        table_schema::<T>()
    }

    fn find_secrets(&self, value: &Spanned<DeValue<'_>>, secrets: &mut Secrets) {
        match value.get_ref() {
            DeValue::Table(table) => table_secrets::<T>(table, secrets),
            // In the place of a table, what belongs into it.
            _ if Keys::<T>::of_table().iter().any(|key| key.is_secret) => secrets.add_all(value),
            _ => {}
        }
    }
}

/// A table whose keys make sense together only.
pub(super) trait Whole: Table {
    /// What it becomes.
    type Setting;

    /// What its keys are together; if they are nothing, what is wrong, and what to do.
    fn whole(self) -> Result<Self::Setting, Misfit>;
}

/// Why a value or a table does not fit.
pub(super) struct Misfit {
    /// What stands beside the marker.
    pub(super) label: &'static str,
    /// What to do.
    pub(super) help: &'static str,
}

/// Tables of one kind, each of which is something as a whole.
pub(super) fn whole_tables<T: Whole>() -> List<NestedWhole<T>> {
    List { item: NestedWhole(table()), min: 0 }
}

/// A table within another that is something as a whole.
pub(super) struct NestedWhole<T>(Nested<T>);

impl<T: Whole> Read for NestedWhole<T> {
    type Setting = T::Setting;

    fn read(&self, item: &Item<'_>, reader: &mut Reader<'_>) -> Option<T::Setting> {
        let problems = reader.problems.len();
        let table = self.0.read(item, reader)?;
        // What is wrong with one key is not said again.
        if reader.problems.len() > problems {
            return None;
        }
        let misfit = |misfit: Misfit| {
            let title = format!("{} does not fit together", heading(&item.path));
            Problem::new(title, item.value.span(), misfit.label).help(misfit.help)
        };
        table.whole().map_err(|error| reader.problems.push(misfit(error))).ok()
    }

    fn schema(&self) -> Value {
        self.0.schema()
    }

    fn find_secrets(&self, value: &Spanned<DeValue<'_>>, secrets: &mut Secrets) {
        self.0.find_secrets(value, secrets);
    }
}
