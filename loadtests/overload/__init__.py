"""More requests than HTTP can carry: what is answered on time, and how soon the rest is refused."""
