"""What course.py is made of: the standard library only, since it runs before the environment exists."""
