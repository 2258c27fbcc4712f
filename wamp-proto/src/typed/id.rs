//! IDs as application data: integers, as procedures of the meta API have them.

use serde::de::{Error as _, Unexpected};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::id::{PublicationId, RegistrationId, RequestId, SessionId, SubscriptionId};

macro_rules! typed {
    ($($name:ident)*) => {
        $(
            impl Serialize for $name {
                fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                    serializer.serialize_u64(self.value())
                }
            }

            impl<'de> Deserialize<'de> for $name {
                fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                    let id = u64::deserialize(deserializer)?;
                    let out_of_range = || D::Error::invalid_value(Unexpected::Unsigned(id), &"an ID from 1 to 2^53");
                    Self::new(id).ok_or_else(out_of_range)
                }
            }
        )*
    };
}

typed! { PublicationId RegistrationId RequestId SessionId SubscriptionId }

#[cfg(test)]
mod tests {
    use crate::{Payload, SerializerId, SessionId};

    #[test]
    fn id_01_ids_are_integers_in_payloads_as_well() {
        for serializer in SerializerId::ALL {
            let session = SessionId::new(9_007_199_254_740_992);
            let payload = Payload::from_args(serializer, &(session, 7)).unwrap();
            assert_eq!(payload.to_args::<(u64, u64)>().unwrap(), (9_007_199_254_740_992, 7));
            assert_eq!(payload.to_args::<(SessionId, SessionId)>().unwrap().0, session.unwrap());
            let payload = Payload::from_args(serializer, &(0,)).unwrap();
            let error = payload.to_args::<(SessionId,)>().unwrap_err().to_string();
            assert!(error.contains("an ID from 1 to 2^53"), "{error}");
        }
    }
}
