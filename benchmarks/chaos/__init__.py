"""A gateway under load, with everything going wrong around it, and an oracle over what it then said and did."""
