"""What ids are compared by: all but the white space around them, which people who copy an id don't see."""

# Of ASCII and of Unicode, and the byte order mark.
AROUND = (
    "\t\n\v\f\r \u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\ufeff"
)
_AROUND_SQL = "".join(f"\\u{ord(sign):04x}" for sign in AROUND)


def bare(text: str) -> str:
    """An id without what is around it."""
    return text.strip(AROUND)


def bare_sql(column: str) -> str:
    """SQL: the same of a column."""
    return f"btrim({column}, '{_AROUND_SQL}')"


def is_bare_sql(column: str) -> str:
    """SQL: whether an id has nothing around it, and is not empty."""
    return f"{column} = {bare_sql(column)} AND {column} <> ''"
