"""What the tests share: the gateway under test, the faulty upstream, the corpus, and HTTP on raw sockets."""
