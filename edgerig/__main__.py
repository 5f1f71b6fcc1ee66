from edgerig.cli import main

main()
