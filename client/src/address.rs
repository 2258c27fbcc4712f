//! stub
#[derive(Clone, Debug)]
pub struct Address;
#[derive(Clone, Debug, thiserror::Error)]
#[error("x")]
pub struct AddressError;
impl std::str::FromStr for Address {
    type Err = AddressError;
    fn from_str(_: &str) -> Result<Self, AddressError> {
        Err(AddressError)
    }
}
