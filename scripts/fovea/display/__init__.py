"""Display levels: the small copies of all image arrays that viewers show."""
