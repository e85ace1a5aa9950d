select $1::int as given
