"""What runs in containers: processes, files, sockets, the shell, its tools, and the images that bring them."""
