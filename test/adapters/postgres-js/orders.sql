select note from orders order by id
