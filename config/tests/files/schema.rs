//! The schema that editors check files with.

use serde_json::{Value, json};
use toml::de::{DeTable, DeValue};
use trunkline_config::Config;

use super::documentation::{samples, uncommented};

/// What stands for strings whose content only the loader can know.
const REFERENCE: &str = "^file:|[$][{]";

/// Whether a value is as the schema says, which may use the keywords below and no others.
fn is_valid(value: &Value, schema: &Value) -> bool {
    schema.as_object().expect("a schema is an object").iter().all(|(keyword, demand)| {
        match keyword.as_str() {
            "$schema" | "title" | "description" => demand.is_string(),
            "writeOnly" => demand == true,
            "type" => match demand.as_str().expect("one type") {
                "object" => value.is_object(),
                "array" => value.is_array(),
                "string" => value.is_string(),
                "integer" => value.is_i64() || value.is_u64(),
                "boolean" => value.is_boolean(),
                other => panic!("a new type: {other}"),
            },
            "properties" => value.as_object().is_none_or(|object| {
                object.iter().all(|(key, value)| demand.get(key).is_none_or(|schema| is_valid(value, schema)))
            }),
            "additionalProperties" => {
                assert_eq!(demand, &json!(false));
                let known = |key| schema["properties"].get(key).is_some();
                value.as_object().is_none_or(|object| object.keys().all(known))
            }
            "required" => {
                let mut required =
                    demand.as_array().expect("a list").iter().map(|key| key.as_str().expect("a key"));
                value.as_object().is_none_or(|object| required.all(|key| object.contains_key(key)))
            }
            "items" => value.as_array().is_none_or(|items| items.iter().all(|item| is_valid(item, demand))),
            "minItems" => value.as_array().is_none_or(|items| items.len() as u64 >= demand.as_u64().unwrap()),
            "minimum" => value.as_i64().is_none_or(|value| value >= demand.as_i64().unwrap()),
            "maximum" => value.as_i64().is_none_or(|value| value <= demand.as_i64().unwrap()),
            "minLength" => {
                value.as_str().is_none_or(|text| text.chars().count() as u64 >= demand.as_u64().unwrap())
            }
            "enum" => demand.as_array().expect("a list").contains(value),
            "anyOf" => demand.as_array().expect("a list").iter().any(|schema| is_valid(value, schema)),
            "pattern" => {
                assert_eq!(demand, REFERENCE);
                value.as_str().is_none_or(|text| text.starts_with("file:") || text.contains("${"))
            }
            other => panic!("a new keyword: {other}"),
        }
    })
}

fn to_json(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => json!(text),
        DeValue::Integer(integer) => json!(i64::from_str_radix(integer.as_str(), integer.radix()).unwrap()),
        DeValue::Boolean(boolean) => json!(boolean),
        DeValue::Array(values) => values.iter().map(|value| to_json(value.get_ref())).collect(),
        DeValue::Table(table) => table_to_json(table),
        DeValue::Float(_) | DeValue::Datetime(_) => panic!("no key is of this type"),
    }
}

fn table_to_json(table: &DeTable<'_>) -> Value {
    Value::Object(
        table.iter().map(|(key, value)| (key.get_ref().to_string(), to_json(value.get_ref()))).collect(),
    )
}

fn is_valid_file(text: &str) -> bool {
    is_valid(&table_to_json(DeTable::parse(text).unwrap().get_ref()), &Config::schema())
}

/// Every key of every table, as `realms.roles.name`, with its schema.
pub(crate) fn keys() -> Vec<(String, Value)> {
    fn collect(path: &str, schema: &Value, keys: &mut Vec<(String, Value)>) {
        let table = schema.get("items").unwrap_or(schema);
        for (key, schema) in table.get("properties").and_then(Value::as_object).into_iter().flatten() {
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            keys.push((path.clone(), schema.clone()));
            collect(&path, schema, keys);
        }
    }
    let mut keys = Vec::new();
    collect("", &Config::schema(), &mut keys);
    keys
}

#[test]
fn every_key_has_a_description() {
    let keys = keys();
    assert!(keys.iter().any(|(key, _)| key == "realms.roles.permissions.allow"));
    for (key, schema) in keys {
        let description = schema["description"].as_str().unwrap_or_default();
        assert!(description.ends_with('.') && description.len() > 10, "{key}: {description:?}");
    }
}

#[test]
fn the_samples_are_as_the_schema_says() {
    for text in samples() {
        assert!(is_valid_file(&text), "{text}");
    }
    assert!(is_valid_file(Config::DEFAULT_FILE));
    assert!(is_valid_file(&uncommented(Config::DEFAULT_FILE)));
    assert!(is_valid_file(
        "realms = [{ name = 'a', profile = '${PROFILE}', slow_subscriber = 'file:policy' }]"
    ));
}

#[test]
fn the_schema_refuses_what_the_loader_refuses() {
    for text in [
        "realm = []",
        "realms = [{ profile = 'strict' }]",
        "realms = [{ name = 'a', profile = 'strickt' }]",
        "realms = [{ name = 'a', strict_uris = 'yes' }]",
        "realms = { name = 'a' }",
        "realms = [{ name = 'a', roles = [{ name = '' }] }]",
        "node.worker_threads = 0",
        "node.worker_threads = 2000",
        "listeners = [{ addresses = [] }]",
    ] {
        assert!(!is_valid_file(text), "{text}");
        assert!(super::parse(text).is_err(), "{text}");
    }
}
