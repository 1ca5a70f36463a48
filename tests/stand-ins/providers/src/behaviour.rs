//! What happens to one customer's payment, chosen by the payment method's name.

/// How the providers treat a payment method.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Behaviour {
    /// Every step succeeds.
    Succeeds,
    /// `pm_declined…`: the issuer declines at confirmation.
    Declined,
    /// `pm_actionRequired…`: the issuer wants to see its customer, who is not there.
    ActionRequired,
    /// `pm_refundFails…`: captured, and a refund is refused for good.
    RefundFails,
    /// `pm_saved500…`: an intent's first create answers 500, and so does each replay under the same idempotency key.
    Saved500,
    /// `pm_lostReply…`: the confirmation captures, then the connection closes without an answer.
    LostReply,
    /// `pm_fraudster…`: the fraud check rejects.
    Fraudster,
}

impl Behaviour {
    /// The behaviour that a payment method's name asks for; a name that asks for nothing succeeds.
    pub fn of(payment_method: &str) -> Self {
        const BY_PREFIX: [(&str, Behaviour); 6] = [
            ("pm_declined", Behaviour::Declined),
            ("pm_actionRequired", Behaviour::ActionRequired),
            ("pm_refundFails", Behaviour::RefundFails),
            ("pm_saved500", Behaviour::Saved500),
            ("pm_lostReply", Behaviour::LostReply),
            ("pm_fraudster", Behaviour::Fraudster),
        ];
        BY_PREFIX
            .into_iter()
            .find(|(prefix, _)| payment_method.starts_with(prefix))
            .map_or(Self::Succeeds, |(_, behaviour)| behaviour)
    }
}

#[cfg(test)]
mod tests {
    use super::Behaviour;

    #[test]
    fn the_name_of_a_payment_method_chooses() {
        assert_eq!(Behaviour::of("pm_cardVisa4242"), Behaviour::Succeeds);
        assert_eq!(Behaviour::of("pm_declined"), Behaviour::Declined);
        assert_eq!(Behaviour::of("pm_declinedByIssuer1"), Behaviour::Declined);
        assert_eq!(Behaviour::of("pm_fraudster7"), Behaviour::Fraudster);
        assert_eq!(Behaviour::of("card_declined"), Behaviour::Succeeds);
    }
}
